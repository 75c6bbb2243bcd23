import { Effect } from "effect"
import type { Growth, Sample } from "../Growth.ts"
import { type Load, phases, streamBytesOf, usual } from "../Phases.ts"
import { adminSessions, scratch } from "../Scratch.ts"

/** What has passed through before: enough rows to have been there, and to be gone again. */
const calmEvents = 2_000

const loadOf = (events: number): Load => ({ ...usual, events, keys: events })

/** A burst after a calm: Postgres counts the rows of its tables now and then, and plans by the count until the next. */
const once = Effect.fnUntraced(function* (size: number) {
  const load = loadOf(size)
  const sql = yield* adminSessions
  const { services, stream } = yield* scratch("burst", streamBytesOf(load))
  yield* phases(services, stream, { ...usual, events: calmEvents, keys: calmEvents })
  yield* sql`ANALYZE millrace.outbox, millrace.progress, millrace.head`
  return yield* phases(services, stream, load)
}, Effect.scoped)

export const burstGrowth: Growth = {
  name: "burst",
  what: "a burst, when Postgres last counted an empty outbox and few keys",
  axis: "events of the burst",
  sizes: (extent) => (extent === "quick" ? [1_000, 10_000] : [1_000, 10_000, 100_000]),
  isMoreWork: false,
  settings: () =>
    `events of ${usual.bytes} B, each of a key of its own; behind ${calmEvents.toLocaleString("en")} events, which were handled before the tables were counted (ANALYZE); Postgres counts again within a minute or so`,
  measure: Effect.fnUntraced(function* (sizes) {
    const samples: Array<Sample> = []
    for (const size of sizes) {
      const cost = yield* once(size)
      samples.push({ series: "append", size, cost: cost.append })
      samples.push({ series: "relay", size, cost: cost.relay })
      samples.push({ series: "consume", size, cost: cost.consume })
    }
    return samples
  })
}
