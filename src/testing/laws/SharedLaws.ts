import { Duration, Effect, Stream } from "effect"
import { EventLog, type LogDeclaration, type SharedDelivery, type SharedFrom } from "../../pipeline/EventLog.ts"
import { type Law, lawsOf } from "./Law.ts"
import { eventually, freshLog, rowsOf } from "./LawWorld.ts"
import { assert } from "./assert.ts"

const beginning: SharedFrom = {
  handler: "sums",
  generation: 0,
  afterSeq: 0,
  inHandMax: 1_000,
  ackWait: Duration.seconds(30)
}

const many = (count: number, firstId = 1) =>
  rowsOf(
    Array.from({ length: count }, (_, i) => `key ${i % 7}`),
    firstId
  )

/** A stream of so many events, and how to take part in a shared consumer of it. */
const shared = Effect.fnUntraced(function* (events: number) {
  const log = yield* EventLog
  const declaration = freshLog(4)
  yield* log.declare(declaration)
  if (events > 0) yield* log.publish(declaration, many(events), 0)
  return { log, declaration, join: (from: Partial<SharedFrom> = {}) => join(declaration, from) }
})

/** Takes part, and keeps what it gets. */
const join = Effect.fnUntraced(function* (declaration: LogDeclaration, from: Partial<SharedFrom>) {
  const log = yield* EventLog
  const subscription = yield* log.share(declaration, { ...beginning, ...from })
  const got: Array<SharedDelivery> = []
  yield* Effect.forkScoped(Stream.runForEach(subscription.events, (one) => Effect.sync(() => void got.push(one))))
  const seqs = () => got.map(({ stored }) => stored.seq)
  const gets = (count: number) =>
    eventually(
      `${count} deliveries`,
      Effect.sync(() => got.length >= count)
    )
  const of = (...wanted: ReadonlyArray<number>) => got.filter(({ stored }) => wanted.includes(stored.seq))
  const floor = Effect.map(subscription.position, (position) => position.floor)
  return { ...subscription, got, seqs, gets, of, floor }
})

const from1to = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

const sorted = (...lists: ReadonlyArray<ReadonlyArray<number>>) => lists.flat().toSorted((a, b) => a - b)

/** Long enough for what should not come. */
const rest = Effect.sleep("200 millis")

const floorIs = <E, R>(floor: Effect.Effect<number, E, R>, seq: number) =>
  eventually(
    `the floor at ${seq}`,
    Effect.map(Effect.orDie(floor), (at) => at === seq)
  )

const givesEachToOne: Law<EventLog> = Effect.gen(function* () {
  const { declaration, join: take, log } = yield* shared(0)
  const [ada, bob] = [yield* take(), yield* take()]
  for (let seq = 0; seq < 400; seq += 20) yield* log.publish(declaration, many(20, seq + 1), seq)
  yield* eventually(
    "all of them",
    Effect.sync(() => ada.got.length + bob.got.length >= 400)
  )
  yield* rest
  assert.deepStrictEqual(sorted(ada.seqs(), bob.seqs()), from1to(400))
  assert.isAbove(Math.min(ada.got.length, bob.got.length), 50)
  assert.deepStrictEqual([...new Set([...ada.got, ...bob.got].map(({ deliveries }) => deliveries))], [1])
})

const holdsNoMoreThanItMay: Law<EventLog> = Effect.gen(function* () {
  const { join: take } = yield* shared(50)
  const ada = yield* take({ inHandMax: 10 })
  yield* ada.gets(10)
  yield* rest
  assert.lengthOf(ada.got, 10)
  yield* ada.acknowledge(ada.got)
  yield* ada.gets(20)
  yield* rest
  assert.deepStrictEqual(ada.seqs(), from1to(20))
})

const knowsItsFloor: Law<EventLog> = Effect.gen(function* () {
  const { join: take } = yield* shared(10)
  const ada = yield* take({ afterSeq: 2 })
  yield* ada.gets(8)
  assert.deepStrictEqual(ada.seqs(), [3, 4, 5, 6, 7, 8, 9, 10])
  assert.isAtMost(yield* ada.floor, 2)
  yield* ada.acknowledge(ada.of(4, 3, 6))
  yield* floorIs(ada.floor, 4)
  yield* ada.acknowledge(ada.of(5, 7, 8, 9, 10))
  yield* floorIs(ada.floor, 10)
  // Whoever takes part later has no say in where it begins.
  const bob = yield* take({ afterSeq: 0 })
  yield* rest
  assert.deepStrictEqual(bob.seqs(), [])
  assert.strictEqual(yield* bob.floor, 10)
})

const passesOnWhatIsGivenBack: Law<EventLog> = Effect.gen(function* () {
  const { join: take } = yield* shared(6)
  const ada = yield* take({ inHandMax: 6 })
  yield* ada.gets(6)
  const bob = yield* take()
  yield* ada.acknowledge(ada.of(1, 2))
  yield* ada.finish
  yield* ada.giveBack(ada.of(3, 5))
  yield* bob.gets(2)
  assert.deepStrictEqual(sorted(bob.seqs()), [3, 5])
  assert.deepStrictEqual(
    bob.got.map(({ deliveries }) => deliveries),
    [2, 2]
  )
  // What it still has in hand it may still finish.
  yield* ada.inProgress
  yield* ada.acknowledge(ada.of(4, 6))
  yield* bob.acknowledge(bob.of(3, 5))
  yield* floorIs(bob.floor, 6)
})

const isMadeAnewBehindTheFloor: Law<EventLog> = Effect.gen(function* () {
  const { join: take } = yield* shared(6)
  const [ada, bob] = [yield* take({ inHandMax: 3 }), yield* take({ inHandMax: 3 })]
  yield* ada.gets(3)
  yield* ada.acknowledge(ada.got)
  yield* ada.forget
  const after = yield* take({ afterSeq: 1 })
  yield* after.gets(5)
  assert.deepStrictEqual(sorted(after.seqs()), [2, 3, 4, 5, 6])
  assert.strictEqual((yield* after.position).delivered, 6)
  // Whoever took part in the one before still has what it has, and may answer for it.
  yield* bob.acknowledge(bob.got)
})

const finishes: Law<EventLog> = Effect.gen(function* () {
  const { declaration, join: take, log } = yield* shared(3)
  const ada = yield* take()
  yield* ada.gets(3)
  yield* ada.finish
  yield* log.publish(declaration, many(5, 4), 3)
  const bob = yield* take()
  yield* bob.gets(5)
  assert.deepStrictEqual(ada.seqs(), [1, 2, 3])
  assert.deepStrictEqual(sorted(bob.seqs()), [4, 5, 6, 7, 8])
})

const beginsAnewWithEachGeneration: Law<EventLog> = Effect.gen(function* () {
  const { join: take } = yield* shared(5)
  const before = yield* take()
  yield* before.gets(5)
  yield* before.acknowledge(before.got)
  yield* floorIs(before.floor, 5)
  const after = yield* take({ generation: 1, afterSeq: 3 })
  yield* after.gets(2)
  assert.deepStrictEqual(after.seqs(), [4, 5])
  assert.deepStrictEqual(
    after.got.map(({ deliveries }) => deliveries),
    [1, 1]
  )
})

const servesEveryHandler: Law<EventLog> = Effect.gen(function* () {
  const { join: take } = yield* shared(20)
  const [sums, hooks] = [yield* take(), yield* take({ handler: "hooks" })]
  yield* sums.gets(20)
  yield* hooks.gets(20)
  assert.deepStrictEqual(sorted(sums.seqs()), from1to(20))
  assert.deepStrictEqual(sorted(hooks.seqs()), from1to(20))
})

/** The laws of shared consumers. */
export const sharedLaws = lawsOf<EventLog>()({
  "each event goes to one of those who take part": givesEachToOne,
  "no more is in hand than there may be": holdsNoMoreThanItMay,
  "the floor is behind everything that is acknowledged, and the first decides where it begins": knowsItsFloor,
  "what is given back goes to another, and says so": passesOnWhatIsGivenBack,
  "one that was deleted begins behind the floor that the next one knows": isMadeAnewBehindTheFloor,
  "who has finished gets no more": finishes,
  "a generation begins anew": beginsAnewWithEachGeneration,
  "every handler has its own": servesEveryHandler
})
