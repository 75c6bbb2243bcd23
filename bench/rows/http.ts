import { Effect, Schema } from "effect"
import { join } from "node:path"
import { startPipeline } from "../../test/support/servers/AppProcess.ts"
import { silentReceiver } from "../../test/support/servers/Receivers.ts"
import { outputOf } from "../Child.ts"
import { durabilityOf } from "../Durability.ts"
import { bound, figureOf } from "../Measure.ts"
import type { Row, Size } from "../Row.ts"
import { ownServers } from "../Servers.ts"

const Load = Schema.fromJsonString(
  Schema.Struct({
    achieved: Schema.Finite,
    refused: Schema.Int,
    p50: Schema.Finite,
    p99: Schema.Finite,
    p999: Schema.Finite
  })
)

const script = join(import.meta.dirname, "../load.ts")

const loadOf = (url: string, rate: number, seconds: number) =>
  Effect.flatMap(outputOf(script, [url, String(rate), String(seconds)], {}), (text) =>
    Schema.decodeEffect(Load)(text.trim())
  )

/** A pipeline with servers of its own, under load. */
const under = Effect.fnUntraced(function* (rate: number, size: Size, settings: Readonly<Record<string, string>> = {}) {
  const servers = yield* ownServers
  const { url } = yield* startPipeline({ ...servers.environment, ...settings })
  const load = yield* loadOf(url, rate, Math.max(5, Math.round(20 * size.scale)))
  return { ...load, durability: yield* durabilityOf(servers) }
}, Effect.scoped)

const once = Effect.fnUntraced(function* (size: Size) {
  const { port } = yield* silentReceiver
  const hanging = { SMTP_URL: `smtp://127.0.0.1:${port}`, PUSH_WEBHOOK_URL: `http://127.0.0.1:${port}/push` }
  const slow = yield* under(500, size)
  const hung = yield* under(500, size, hanging)
  const fast = yield* under(5_000, size)
  return { slow, hung, fast }
}, Effect.scoped)

export const httpRow: Row = {
  number: 3,
  name: "http",
  what: "POST /orders at a constant rate, the whole pipeline and its load on the same cores",
  measure: Effect.fnUntraced(function* (size) {
    const first = yield* once(size)
    const runs = [first]
    while (runs.length < size.runs) runs.push(yield* once(size))
    const figure = (name: string, unit: string, of: (run: (typeof runs)[number]) => number) => ({
      name,
      unit,
      values: runs.map(of)
    })
    const figures = [
      figure("500/s, p50", "ms", ({ slow }) => slow.p50),
      figure("500/s, p99", "ms", ({ slow }) => slow.p99),
      figure("500/s, receivers hung, p99", "ms", ({ hung }) => hung.p99),
      figure("5,000/s wanted, accepted", "orders/s", ({ fast }) => fast.achieved),
      figure("5,000/s wanted, p99", "ms", ({ fast }) => fast.p99),
      figure("refused", "orders", ({ fast, hung, slow }) => fast.refused + hung.refused + slow.refused)
    ]
    return {
      figures,
      verdicts: [
        bound(figureOf(figures, "500/s, p99"), "≤", 25),
        bound(figureOf(figures, "500/s, receivers hung, p99"), "≤", 25),
        bound(figureOf(figures, "5,000/s wanted, accepted"), "≥", 4_950),
        bound(figureOf(figures, "5,000/s wanted, p99"), "≤", 100)
      ],
      settings:
        "latency from when a request was due; load from a process of its own; embedded servers of its own; all five handlers run, mail and push are logged",
      durability: first.slow.durability
    }
  })
}
