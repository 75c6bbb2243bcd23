/** `simulate` as a user runs it, and what its report says. */
import { Effect, Schema } from "effect"
import { runApp } from "./AppProcess.ts"
import { warmUpOrdersOf } from "../../../src/app/cli/simulation.ts"

const Points = Schema.Struct({ count: Schema.Int, p50: Schema.Finite, p99: Schema.Finite, max: Schema.Finite })

const Report = Schema.fromJsonString(
  Schema.Struct({
    verdict: Schema.String,
    committed: Schema.Int,
    effects: Schema.Int,
    lost: Schema.Int,
    duplicated: Schema.Int,
    outOfOrder: Schema.Int,
    pointsWrong: Schema.Int,
    repeatedCommands: Schema.Int,
    createMs: Points
  })
)

/** How much is simulated. */
export interface Load {
  readonly orders: number
  readonly rate: number
  readonly pauseMs?: number
}

/** Events of a simulation, its warm-up included. */
export const eventsOf = (load: Load): number => (load.orders + warmUpOrdersOf(load.orders)) * 3

/** Events when this share of it is done, after the warm-up. */
export const eventsAt = (load: Load, share: number): number =>
  Math.floor((warmUpOrdersOf(load.orders) + load.orders * share) * 3)

/** Runs to its end; dies with what it said unless it exits 0 with the verdict "in order". */
export const simulateInOrder = Effect.fnUntraced(function* (url: string, load: Load) {
  const { orders, pauseMs = 300, rate } = load
  const size = ["--orders", String(orders), "--rate", String(rate), "--keys", "20", "--pause-ms", String(pauseMs)]
  const run = yield* runApp(["simulate", ...size, "--patience", "40", "--url", url, "-o", "json"])
  if (run.code !== 0) return yield* Effect.die(new Error(`simulate ended with ${run.code}: ${run.stderr}${run.stdout}`))
  const report = yield* Effect.orDie(Schema.decodeEffect(Report)(run.stdout))
  const wrong = report.lost + report.duplicated + report.outOfOrder + report.pointsWrong
  if (report.verdict !== "in order" || wrong > 0 || report.committed !== orders * 3)
    return yield* Effect.die(new Error(run.stdout))
  return report
})
