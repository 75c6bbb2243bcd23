import { Effect, Schema } from "effect"
import type { LogDeclaration } from "../../pipeline/EventLog.ts"
import { partitionsIn, type Topology } from "../../pipeline/Partition.ts"
import { BrokerRefused, type BrokerUnavailable } from "../../pipeline/PipelineError.ts"
import { markSubject, partitionSubject } from "./Message.ts"

/** What a mark says: the topologies there were, the newest last. */
const Mark = Schema.fromJsonString(Schema.Array(Schema.Struct({ first: Schema.Int, partitions: Schema.Int })))

/** The text of a mark. */
export const markOf = (topologies: ReadonlyArray<Topology>): string => JSON.stringify(topologies)

/** The newest message of some subjects, or of one; undefined: there is none. */
export type Newest = (
  declaration: LogDeclaration,
  subject: string
) => Effect.Effect<{ readonly seq: number; readonly payload: string } | undefined, BrokerRefused | BrokerUnavailable>

/** `EventLog.marked`. */
export const marked = Effect.fnUntraced(function* (newest: Newest, declaration: LogDeclaration) {
  const found = yield* newest(declaration, markSubject(declaration))
  if (found === undefined) return []
  return yield* Schema.decodeEffect(Mark)(found.payload).pipe(
    Effect.mapError(
      (error) => new BrokerRefused({ operation: "read a mark", code: 0, detail: `${found.seq}: ${error.message}` })
    )
  )
})

/** Questions at the same time. */
const askedAtOnceMax = 64

/** `EventLog.ends`. */
export const ends = (newest: Newest, declaration: LogDeclaration, topology: Topology) =>
  Effect.forEach(partitionsIn(topology), (partition) => newest(declaration, partitionSubject(declaration, partition)), {
    concurrency: askedAtOnceMax
  }).pipe(Effect.map((found) => ({ ...topology, ends: found.map((one) => one?.seq ?? 0) })))
