import { Effect, Option } from "effect"
import { Inbox, type InboxCommit } from "../../pipeline/Inbox.ts"
import { Outbox } from "../../pipeline/Outbox.ts"
import { type Claim, Ownership } from "../../pipeline/Ownership.ts"
import { ParkingDesk } from "../../pipeline/ParkingDesk.ts"
import { ParkingLot } from "../../pipeline/ParkingLot.ts"
import {
  type StorePorts,
  byPartition,
  claimed,
  commitOf,
  entryOf,
  freshStream,
  present,
  reasonOf,
  rowsIn,
  storedOf
} from "./LawWorld.ts"

/** The ports of a store with its parking lot. */
export type ParkingPorts = StorePorts | ParkingLot | ParkingDesk

/** Who acts. */
export const by = { actor: "eve", why: "mended" }

/** Events 1, 2 … of a key are put aside, the first of them with a reason. */
export const parking = (claim: Claim, key: string, events: number, retryInMs?: number): InboxCommit => ({
  ...commitOf(claim, []),
  cursorTo: claim.cursor,
  moves: [{ key, from: 0, to: events, parked: true }],
  parked: Array.from({ length: events }, (_, i) => ({
    event: { ...storedOf(key, i + 1, i + 1), payload: `"${key} ${i + 1}"` },
    reason: i === 0 ? reasonOf("Boom", 3, retryInMs) : undefined
  }))
})

/** A key as it was read before anybody acted on it. */
export const of = (key: string, generation = 0) => ({ handler: "mail", key, generation })

/** A stream of its own, and what its laws ask. */
export const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const target = yield* freshStream
  const { desk, inbox, lot, outbox, ownership } = yield* Effect.all({
    desk: ParkingDesk,
    inbox: Inbox,
    lot: ParkingLot,
    outbox: Outbox,
    ownership: Ownership
  })
  yield* ownership.declare(stream, ["mail"], 2)
  const claims = byPartition(yield* Effect.forEach(yield* claimed(stream, "ada", 2), ownership.open))
  const [left, right] = [yield* present(claims[0]), yield* present(claims[1])]
  const park = (claim: Claim, key: string, events: number, retryInMs?: number) =>
    inbox.commitOne(parking(claim, key, events, retryInMs))
  const places = claims.map(({ handler, partition }) => ({ handler, partition }))
  const due = Effect.map(lot.due(stream, places, 10), (found) => found.map(({ key }) => key))
  const versions = (claim: Claim, key: string) =>
    Effect.map(lot.next(claim, key, 10), (aside) =>
      Option.getOrUndefined(Option.map(aside, ({ events }) => events.map(({ version }) => version)))
    )
  const isParked = (key: string) => Effect.map(inbox.progress(stream, "mail", [key]), ([one]) => one?.parked)
  const effect = (what: string) => Effect.asVoid(outbox.append(target, [entryOf(what)], {}))
  const effects = Effect.map(rowsIn(target), (rows) => rows.map((row) => row.key))
  const shown = (key: string) =>
    Effect.flatMap(desk.show(stream, of(key), 10), (found) => present(Option.getOrUndefined(found)))
  const stores = { desk, inbox, lot, ownership, stream }
  return { ...stores, left, right, park, due, versions, isParked, effect, effects, shown }
})

/** The first event of a key. */
export const first = (key: string, version = 1) => ({ ...of(key), version })
