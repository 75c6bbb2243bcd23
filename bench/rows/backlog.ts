import { Context, Effect, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import { outputOf } from "../Child.ts"
import { filled, infraFor } from "../Fixture.ts"
import { bound, figureOf } from "../Measure.ts"
import type { Row } from "../Row.ts"
import { BenchServers } from "../Servers.ts"

const Sample = Schema.fromJsonString(
  Schema.Struct({ atMs: Schema.Finite, done: Schema.Finite, rssBytes: Schema.Finite })
)

const streamBytes = 1_500_000_000

/** Events a second between two shares of the whole. */
const rateBetween = (
  samples: ReadonlyArray<{ readonly atMs: number; readonly done: number }>,
  events: number,
  [from, to]: readonly [number, number]
) => {
  const first = samples.find(({ done }) => done >= events * from)
  const last = samples.find(({ done }) => done >= events * to)
  if (first === undefined || last === undefined || last.atMs === first.atMs) return Number.NaN
  return ((last.done - first.done) * 1_000) / (last.atMs - first.atMs)
}

/** Collects more often: about as fast, and an answer of the API waits for it at times. */
const smallOptions = ["--max-semi-space-size=8", "--heap-growing-percent=40"]

const drainer = join(import.meta.dirname, "../drainer.ts")

export const backlogRow: Row = {
  number: 10,
  name: "backlog",
  what: "a backlog drained by a process of its own: memory, and the rate at the end beside that at the start",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infraFor(streamBytes)
    const { databaseUrl, natsUrl } = yield* BenchServers
    const sql = Context.get(services, SqlClient.SqlClient)
    yield* sql`CREATE TABLE IF NOT EXISTS bench_effect (key text NOT NULL, version bigint NOT NULL)`
    const events = Math.round(1_000_000 * size.scale)
    const stream = yield* filled(services, "backlog", { events, keys: 10_000, bytes: 512 })
    const drained = Effect.fnUntraced(function* (handler: string, options?: ReadonlyArray<string>) {
      const settings = {
        DATABASE_URL: Redacted.value(databaseUrl),
        NATS_URL: Redacted.value(natsUrl),
        STREAM: stream.name,
        HANDLER: handler,
        EVENTS: String(events),
        STREAM_BYTES: String(streamBytes)
      }
      const text = yield* outputOf(drainer, [], settings, options)
      return yield* Effect.forEach(text.trim().split("\n"), (line) => Schema.decodeEffect(Sample)(line))
    })
    const samples = yield* drained("drainer")
    const small = yield* drained("small", smallOptions)
    const rssOf = (some: typeof samples) => Math.max(...some.map(({ rssBytes }) => rssBytes / 1e6))
    const begin = rateBetween(samples, events, [0.05, 0.35])
    const end = rateBetween(samples, events, [0.65, 0.95])
    const figures = [
      { name: "greatest memory (RSS)", unit: "MB", values: [rssOf(samples)] },
      { name: "the same after a third", unit: "MB", values: [rssOf(samples.filter(({ done }) => done < events / 3))] },
      { name: "greatest memory, small heap", unit: "MB", values: [rssOf(small)] },
      { name: "rate, first third", unit: "events/s", values: [begin] },
      { name: "rate, last third", unit: "events/s", values: [end] },
      { name: "rate, small heap", unit: "events/s", values: [rateBetween(small, events, [0.05, 0.95])] },
      { name: "last third ÷ first third", unit: "", values: [end / begin] }
    ]
    return {
      figures,
      verdicts: [
        bound(figureOf(figures, "greatest memory (RSS)"), "≤", 250),
        bound(figureOf(figures, "greatest memory, small heap"), "≤", 250),
        bound(figureOf(figures, "last third ÷ first third"), "≥", 0.9)
      ],
      settings: `${events} events of 512 B, 10,000 keys, 16 partitions, an insert per batch; one run; Node as the product starts it, and with ${smallOptions.join(" ")}`
    }
  })
}
