/** A real Postgres with the pipeline's tables, and what its tests write into it. */
import { Context, Effect, Layer, type Redacted } from "effect"
import { startPostgres } from "../../../src/infra/embedded/EmbeddedPostgres.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import * as MemoryEventLog from "../../../src/infra/memory/MemoryEventLog.ts"
import * as PgPipeline from "../../../src/infra/postgres/PgPipeline.ts"
import type { StoredEvent } from "../../../src/pipeline/Envelope.ts"
import type { InboxCommit } from "../../../src/pipeline/Inbox.ts"
import type { ParkReason } from "../../../src/pipeline/Parked.ts"
import type { NewEntry } from "../../../src/pipeline/Outbox.ts"
import type { Claim } from "../../../src/pipeline/Ownership.ts"
import { slotOf } from "../../../src/pipeline/Partition.ts"
import { query } from "../embedded/Clients.ts"

/** A Postgres of a test's own. */
export const ownPostgres = Effect.gen(function* () {
  return yield* startPostgres({ dataDir: yield* tempDataDir, durable: false, supervise: false })
})

/** Everything the pipeline keeps in that Postgres. */
export const pipelineIn = (url: Redacted.Redacted) =>
  PgPipeline.layer({ url, connectionsMax: 24, keepAlive: "20 seconds" }).pipe(Layer.provideMerge(MemoryEventLog.layer))

/** The Postgres itself, from outside of everything that is tested. */
export class PgUnderTest extends Context.Service<
  PgUnderTest,
  {
    readonly url: Redacted.Redacted
    /** Ends a session from a connection of its own. */
    readonly kill: (pid: number) => Effect.Effect<void>
  }
>()("millrace/test/infra/postgres/PgUnderTest") {}

/** The same in a Postgres that the tests of one file share. Each test takes a stream of its own. */
export const pgWorld = Layer.unwrap(
  Effect.map(ownPostgres, ({ url }) => {
    const kill = (pid: number) => Effect.orDie(Effect.asVoid(query(url, `SELECT pg_terminate_backend(${pid})`)))
    return Layer.merge(pipelineIn(url), Layer.succeed(PgUnderTest, { url, kill }))
  })
)

let streams = 0

/** A stream that no other test of the file uses. */
export const freshStream = Effect.sync(() => `stream-${(streams += 1)}`)

/** An entry about to be appended. */
export const entryOf = (key: string): NewEntry => ({
  eventId: globalThis.crypto.randomUUID(),
  key,
  slot: slotOf(key),
  type: "done",
  traceparent: "",
  payload: "{}"
})

/** An event as a worker has it in hand. */
export const storedOf = (key: string, version: number, seq: number): StoredEvent => ({
  eventId: globalThis.crypto.randomUUID(),
  key,
  version,
  type: "done",
  traceparent: "",
  payload: "{}",
  seq,
  outboxId: seq
})

/** What a worker records when it has handled one event of each of these keys, each its first. */
export const commitOf = (
  claim: Claim,
  keys: ReadonlyArray<string>,
  cursorTo = claim.cursor + keys.length
): InboxCommit => ({
  claim,
  cursorFrom: claim.cursor,
  cursorTo,
  moves: keys.map((key) => ({ key, from: 0, to: 1, parked: false })),
  parked: [],
  violations: []
})

/** Why an event was given up after so many attempts; or set aside, when it is to be tried again. */
export const reasonOf = (tag: string, attempts: number, retryInMs?: number): ParkReason => ({
  tag,
  message: `${tag} it was`,
  stack: `${tag} at line 1`,
  attempts,
  history: [{ attempt: attempts, atMs: 7, tag, message: `${tag} it was`, instance: "ada" }],
  retryInMs
})
