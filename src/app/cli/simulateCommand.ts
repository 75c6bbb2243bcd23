import { Console, Duration, Effect, Schedule, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ordersListedMax } from "../orders/OrderStore.ts"
import { withApi } from "./ApiClient.ts"
import { urlFlag } from "./urlFlag.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { type Summary, summarise } from "./Latencies.ts"
import { outputFlag, print } from "./Output.ts"
import { type Progress, runSimulation, type SimulationResult } from "./simulation.ts"
import { table } from "./Table.ts"

const positive = (max: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: max }))

const flags = {
  url: urlFlag,
  output: outputFlag,
  orders: Flag.Int("orders").pipe(
    Flag.withDescription("Orders to create, pay and ship"),
    Flag.withDefault(200),
    Flag.withSchema(positive(1_000_000))
  ),
  rate: Flag.Int("rate").pipe(
    Flag.withDescription("Orders started per second"),
    Flag.withDefault(50),
    Flag.withSchema(positive(100_000))
  ),
  keys: Flag.Int("keys").pipe(
    Flag.withDescription("Users the orders are spread over"),
    Flag.withDefault(100),
    Flag.withSchema(positive(1_000_000))
  ),
  pauseMs: Flag.Int("pause-ms").pipe(
    Flag.withDescription("Milliseconds between creating, paying and shipping an order"),
    Flag.withDefault(2_000),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3_600_000 })))
  ),
  patience: Flag.Int("patience").pipe(
    Flag.withDescription("Seconds to wait for a pipeline that is away, or for late effects"),
    Flag.withDefault(60),
    Flag.withSchema(positive(86_400))
  )
}

/** `pnpm start simulate`. */
export const simulateCommand = Command.make(
  "simulate",
  flags,
  Effect.fnUntraced(function* ({ keys, orders, output, patience, pauseMs, rate, url }) {
    if (Math.ceil(orders / keys) > ordersListedMax) {
      const message = `--orders ${orders} over --keys ${keys} is more than ${ordersListedMax} orders a user; raise --keys`
      return yield* new CommandFailed({ message, code: exitCode.usage })
    }
    const progress: Progress = { started: 0, finished: 0, retries: 0, commandMs: [], createMs: [] }
    const begin = performance.now()
    const options = {
      orders,
      ratePerSecond: rate,
      keys,
      pause: Duration.millis(pauseMs),
      patience: Duration.seconds(patience)
    }
    const result = yield* runSimulation(url, options, progress).pipe(
      Effect.scoped,
      withApi(url),
      withProgress(orders, progress)
    )
    const report = reportOf(orders, progress, result, (performance.now() - begin) / 1_000)
    yield* print(output, report, textOf(report))
    if (!report.ok) return yield* new ExitWith({ code: result.settled ? exitCode.orderViolated : exitCode.timedOut })
  })
).pipe(
  Command.withDescription(
    "Sends orders through their whole life to a running pipeline, over HTTP, and proves the result: every event once and in order. Keeps going when the pipeline is killed and started again. Half as many orders, at most 1,000, go before the clock starts, as a warm-up."
  ),
  Command.withShortDescription("Load on a running pipeline, with a verdict on its order"),
  Command.withExamples([
    { command: "pnpm start simulate", description: "200 orders at 50 per second" },
    { command: "pnpm start simulate --orders 2000 --rate 500", description: "A sale's first minutes" }
  ])
)

/** One live line on a terminal; a plain line every 5 s elsewhere. */
const withProgress =
  (orders: number, progress: Progress) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const live = process.stderr.isTTY
    const line = () =>
      `orders ${progress.finished}/${orders} · started ${progress.started} · repeated commands ${progress.retries}`
    const show = Effect.suspend(() =>
      live ? Effect.sync(() => process.stderr.write(`\r\u001b[K${line()}`)) : Console.error(line())
    )
    return Effect.raceFirst(
      effect,
      show.pipe(Effect.schedule(Schedule.spaced(live ? "200 millis" : "5 seconds")), Effect.andThen(Effect.never))
    ).pipe(Effect.ensuring(live ? Effect.sync(() => process.stderr.write("\r\u001b[K")) : Effect.void))
  }

interface Report {
  readonly ok: boolean
  readonly verdict: string
  readonly orders: number
  readonly committed: number
  readonly effects: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly pointsWrong: number
  readonly repeatedCommands: number
  readonly seconds: number
  readonly commandMs: Summary
  readonly createMs: Summary
  readonly effectMs: Summary
  readonly faults: SimulationResult["judgement"]["faults"]
}

const reportOf = (orders: number, progress: Progress, result: SimulationResult, seconds: number): Report => {
  const { committed, duplicated, effects, faults, lost, outOfOrder, phantom } = result.judgement
  const ok = result.judgement.ok && result.pointsWrong === 0
  return {
    ok,
    verdict: ok ? "in order" : outOfOrder > 0 ? "OUT OF ORDER" : lost > 0 ? "INCOMPLETE" : "WRONG",
    orders,
    committed,
    effects,
    lost,
    duplicated: duplicated + phantom,
    outOfOrder,
    pointsWrong: result.pointsWrong,
    repeatedCommands: progress.retries,
    seconds: Math.round(seconds * 10) / 10,
    commandMs: summarise(progress.commandMs),
    createMs: summarise(progress.createMs),
    effectMs: summarise(result.effectMs),
    faults
  }
}

const textOf = (report: Report): string => {
  const row = (name: string, { count, max, p50, p95, p99 }: Summary) => [name, count, p50, p95, p99, max]
  const verdict = `${report.verdict}: ${report.committed} events, ${report.lost} lost, ${report.duplicated} duplicated effects, ${report.outOfOrder} out of order, ${report.pointsWrong} users with wrong points`
  const faults = report.faults.map((fault) => `  ${fault.kind}: key ${fault.key}, version ${fault.version}`)
  return [
    verdict,
    ...faults,
    `${report.orders} orders in ${report.seconds} s, ${report.repeatedCommands} commands repeated`,
    "",
    table([
      ["ms", "count", "p50", "p95", "p99", "max"],
      row("POST /orders", report.createMs),
      row("all commands", report.commandMs),
      row("commit → effect", report.effectMs)
    ])
  ].join("\n")
}
