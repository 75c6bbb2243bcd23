import { Effect, Predicate, Schedule } from "effect"
import type { Backlog } from "../../pipeline/Backlog.ts"
import type { OutboxRow, StoredEvent } from "../../pipeline/Envelope.ts"
import type { EventLog, LogDeclaration } from "../../pipeline/EventLog.ts"
import type { Inbox, InboxCommit } from "../../pipeline/Inbox.ts"
import { type NewEntry, Outbox } from "../../pipeline/Outbox.ts"
import { type Claim, Ownership } from "../../pipeline/Ownership.ts"
import type { ParkReason } from "../../pipeline/Parked.ts"
import { slotOf } from "../../pipeline/Partition.ts"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import type { LeaseClock } from "./LeaseClock.ts"

/** The ports of the store. They are one world: a law of one is often observed through another. */
export type StorePorts = Backlog | Outbox | Inbox | Ownership | RelayStore | Transactor | EventLog | LeaseClock

let streams = 0

/** A stream that no other law uses. */
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

/** A log that no other law uses. */
export const freshLog = (partitions = 1): LogDeclaration => {
  streams += 1
  return { name: `log-${streams}`, subject: `s${streams}`, partitions }
}

/** Rows as the relay would read them: the keys one after the other, each key's versions counted from 1. */
export const rowsOf = (keys: ReadonlyArray<string>, firstId = 1): ReadonlyArray<OutboxRow> => {
  const versions = new Map<string, number>()
  return keys.map((key, i) => {
    const version = (versions.get(key) ?? 0) + 1
    versions.set(key, version)
    return {
      id: firstId + i,
      eventId: globalThis.crypto.randomUUID(),
      key,
      version,
      slot: slotOf(key),
      type: "done",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      payload: JSON.stringify({ key, i })
    }
  })
}

/** Appends one entry for each of the keys in a transaction of its own. */
export const append = Effect.fnUntraced(function* (
  stream: string,
  keys: ReadonlyArray<string>,
  options: { readonly expectedVersion?: number } = {}
) {
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  return yield* run(outbox.append(stream, keys.map(entryOf), options))
})

/** What the relay sees of a stream. */
export const rowsIn = Effect.fnUntraced(function* (stream: string) {
  const store = yield* RelayStore
  return yield* store.read(stream, 10_000, [])
})

/** Keys with versions, such as `a1 b1 a2`. */
export const placesOf = (events: ReadonlyArray<{ readonly key: string; readonly version: number }>) =>
  events.map(({ key, version }) => `${key}${version}`).join(" ")

/** The same for what the relay sees. */
export const placesIn = (stream: string) => Effect.map(rowsIn(stream), placesOf)

/** What a failure is called. */
export const tagOf = <A, E, R>(operation: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(operation), (error) =>
    Predicate.hasProperty(error, "_tag") ? String(error._tag) : String(error)
  )

/** What must be there for the law to mean anything. */
export const present = <A>(value: A | undefined): Effect.Effect<A> =>
  value === undefined ? Effect.die(new Error("something the law needs is missing")) : Effect.succeed(value)

/** Claims the partitions 0, 1, 2 … of the handler `mail`, as many as are free of so many, in their order. */
export const claimed = Effect.fnUntraced(function* (stream: string, owner: string, partitions: number) {
  const ownership = yield* Ownership
  const wanted = Array.from({ length: partitions }, (_, partition) => ({ handler: "mail", partition }))
  return byPartition(yield* ownership.claim(stream, owner, wanted))
})

/** Claims come in any order. */
export const byPartition = (claims: ReadonlyArray<Claim>): ReadonlyArray<Claim> =>
  claims.toSorted((a, b) => a.partition - b.partition || (a.handler < b.handler ? -1 : 1))

/** So many at the same time. */
export const together = <A, E, R>(count: number, one: (i: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    one,
    { concurrency: "unbounded" }
  )

/** Asked again every 25 ms until it is true; dies with `what` when it is not by then. */
export const eventually = <E, R>(
  what: string,
  look: Effect.Effect<boolean, E, R>,
  seconds = 20
): Effect.Effect<void, E, R> =>
  look.pipe(
    Effect.repeat({ until: (found) => found, schedule: Schedule.spaced("25 millis") }),
    Effect.timeoutOrElse({
      duration: `${seconds} seconds`,
      orElse: () => Effect.die(new Error(`not within ${seconds} s: ${what}`))
    }),
    Effect.asVoid
  )
