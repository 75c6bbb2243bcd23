import { Effect } from "effect"
import { AuditStore } from "../../pipeline/AuditStore.ts"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import { EventLedger, type LedgerCommit } from "../../pipeline/EventLedger.ts"
import { Outbox } from "../../pipeline/Outbox.ts"
import { type Claim, Ownership } from "../../pipeline/Ownership.ts"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import { byPartition, claimed, entryOf, freshStream, present, rowsIn, storedOf } from "./LawWorld.ts"
import type { ParkingPorts } from "./ParkingLawWorld.ts"

/** The ports of a store with an event ledger. */
export type LedgerPorts = ParkingPorts | EventLedger | AuditStore

/** Where an event is. Everything is in partition 0 unless it says otherwise. */
export interface Place {
  readonly generation?: number
  readonly partition?: number
}

/** A stream of its own, and what its laws ask. */
export const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const target = yield* freshStream
  const ledger = yield* EventLedger
  const outbox = yield* Outbox
  const ownership = yield* Ownership
  const relay = yield* RelayStore
  const audit = yield* AuditStore
  yield* ownership.declare(stream, ["mail"], 2)
  const claims = byPartition(yield* Effect.forEach(yield* claimed(stream, "ada", 2), ownership.open))
  const left = yield* present(claims[0])

  const commitOf = (
    events: ReadonlyArray<StoredEvent>,
    { generation = 0, partition = 0 }: Place = {}
  ): LedgerCommit => ({
    stream,
    handler: "mail",
    done: events.map((stored) => ({ stored, partition, generation })),
    parked: []
  })
  const commit = <E, R>(one: LedgerCommit, effects: Effect.Effect<void, E, R>) =>
    ledger.commit(one.handler, () => one, effects)
  const record = (events: ReadonlyArray<StoredEvent>, place: Place = {}) => ledger.record(commitOf(events, place))
  const isDone = (...events: ReadonlyArray<StoredEvent>) => ledger.isDone(stream, "mail", events)
  const advance = (
    afterSeq: number,
    to: { claim?: Claim; generation?: number; firstSeq?: number; isProven?: boolean } = {}
  ) =>
    Effect.map(ledger.advance({ claim: left, generation: 0, firstSeq: 1, isProven: true, afterSeq, ...to }), (answer) =>
      answer._tag === "moved" ? answer.gaps : answer._tag
    )
  const floor = Effect.map(ledger.start(stream, "mail"), ({ afterSeq }) => afterSeq)
  const effect = (what: string) => Effect.asVoid(outbox.append(target, [entryOf(what)], {}))
  const effects = Effect.map(rowsIn(target), (rows) => rows.map((row) => row.key))
  const facts = Effect.flatMap(audit.facts(stream), ({ handlers }) =>
    present(handlers.find((one) => one.name === "mail"))
  )
  const turnBack = Effect.fnUntraced(function* (toSeq: number) {
    const lease = yield* present(yield* relay.acquire(stream, "ada"))
    yield* relay.rewind(lease, { lastSeq: 0, streamCreated: "" }, { lastSeq: toSeq, streamCreated: "" })
  })
  const reads = { isDone, floor, effects, facts }
  const writes = { commit, commitOf, record, advance, effect, turnBack }
  return { stream, ledger, ownership, claims, left, ...writes, ...reads }
})

/** Events of a key by version, at the sequences 10, 20, 30 … times their version. */
export const at = (key: string, version: number, seq = version * 10) => storedOf(key, version, seq)
