/** The kit for tests of other people's programs, in its users' hands. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import * as EventStream from "../../src/pipeline/EventStream.ts"
import * as Handler from "../../src/pipeline/Handler.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { HandlerTest, TestPipeline } from "../../src/testing/index.ts"

const Put = Schema.TaggedStruct("Put", { account: Schema.String, cents: Schema.Int })
const Closed = Schema.TaggedStruct("Closed", { account: Schema.String })

const stream = EventStream.make("accounts", {
  subject: "account",
  events: { put: Put, closed: Closed },
  key: (event) => event.account
})

const put = (account: string, cents: number) => Put.make({ account, cents })

class Refused extends Schema.TaggedError<Refused>()("Refused", { cents: Schema.Int }) {}

/** A service of the program under test. */
class Book extends Context.Service<Book, Map<string, number>>()("millrace/test/testing/Book") {}

const balance = Handler.transactional(
  stream,
  "balance",
  { on: ["put"] },
  Effect.fnUntraced(function* ({ event, key }) {
    const book = yield* Book
    const { afterCommit } = yield* Transactor
    yield* afterCommit(Effect.sync(() => void book.set(key, (book.get(key) ?? 0) + event.cents)))
    if (event.cents < 0) return yield* new Refused({ cents: event.cents })
  })
)

const fails = (times: number) => {
  const left = { times }
  return Handler.external(stream, "letter", {}, () =>
    Effect.suspend(() => (left.times-- > 0 ? Effect.fail(new Refused({ cents: 0 })) : Effect.void))
  )
}

const withBook = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(
    effect,
    Layer.sync(Book, () => new Map())
  )

describe("given a history, when an event comes", () => {
  it.effect("the outcome says what became of it, and a failure rolls back", () =>
    Effect.gen(function* () {
      const given = HandlerTest.given(stream, [put("ada", 5), put("bob", 1), put("ada", 6)])
      assert.deepStrictEqual(yield* given.when(balance, put("ada", 7)), { _tag: "Handled" })
      const book = yield* Book
      assert.deepStrictEqual(
        [...book],
        [
          ["ada", 18],
          ["bob", 1]
        ]
      )
      const failed = yield* HandlerTest.given(stream).when(balance, put("ada", -1))
      assert.deepStrictEqual(failed, { _tag: "Failed", class: "retryable", error: new Refused({ cents: -1 }) })
      assert.strictEqual(book.get("ada"), 18)
      const passed = yield* HandlerTest.given(stream).when(balance, Closed.make({ account: "ada" }))
      assert.deepStrictEqual(passed, { _tag: "Passed" })
    }).pipe(withBook)
  )

  it.effect("versions are counted per key, and a repetition has the key of the first", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const spy = Handler.external(stream, "spy", {}, ({ attempt, idempotencyKey, key, version }) =>
        Effect.sync(() => void seen.push(`${key}${version} ${attempt} ${idempotencyKey}`))
      )
      yield* HandlerTest.given(stream, [put("ada", 1), put("bob", 1)]).when(spy, put("ada", 1), { times: 2 })
      assert.deepStrictEqual(
        seen.map((one) => one.slice(0, 4)),
        ["ada1", "bob1", "ada2", "ada2"]
      )
      const [, , first, second] = seen
      assert.strictEqual(first?.replace("ada2 1", "ada2 2"), second)
    })
  )

  it.effect("a bug is poison, a given event that fails is the test's mistake, one that does not fit is refused", () =>
    Effect.gen(function* () {
      const bug = Handler.external(stream, "bug", {}, () => Effect.die(new Error("a bug")))
      const outcome = yield* HandlerTest.given(stream).when(bug, put("ada", 1))
      assert.strictEqual(outcome._tag === "Failed" && outcome.class, "poison")
      const wrong = yield* Effect.exit(HandlerTest.given(stream, [put("ada", 1)]).when(bug, put("ada", 1)))
      assert.include(String(wrong), "bug failed at a given event")
      const invalid = yield* Effect.flip(HandlerTest.given(stream).when(bug, { ...put("ada", 1), cents: 0.5 }))
      assert.include(invalid.message, '["cents"]')
    })
  )
})

describe("a pipeline for tests", () => {
  it.effect("retries take no time on the test's clock; what each handler was given is on record", () =>
    Effect.gen(function* () {
      const pipeline = yield* TestPipeline.make(stream, [balance, fails(3)])
      yield* pipeline.append(put("ada", 5), put("ada", 6), put("bob", 7))
      yield* pipeline.settled
      assert.deepStrictEqual([...(yield* Book)].toSorted(), [
        ["ada", 11],
        ["bob", 7]
      ])
      const letters = pipeline.deliveries("letter")
      assert.strictEqual(letters.filter(({ outcome }) => outcome._tag === "Failed").length, 3)
      assert.deepStrictEqual(
        letters.filter(({ key, outcome }) => key === "ada" && outcome._tag === "Handled").map(({ version }) => version),
        [1, 2]
      )
      assert.deepStrictEqual(yield* pipeline.parked, [])
      assert.isTrue(pipeline.signals.some(({ _tag }) => _tag === "AttemptFailed"))
    }).pipe(withBook)
  )

  it.effect("what is given up is parked with what is behind it, and can be replayed", () =>
    Effect.gen(function* () {
      const pipeline = yield* TestPipeline.make(stream, [fails(9)], { patienceMs: 600_000 })
      yield* pipeline.append(put("ada", 5), put("ada", 6))
      yield* pipeline.settled
      const [parked, ...others] = yield* pipeline.parked
      assert.deepStrictEqual([parked?.key, parked?.events, parked?.reason.tag, others.length], ["ada", 2, "Refused", 0])
      yield* pipeline.replay("letter", "ada")
      yield* pipeline.settled
      assert.deepStrictEqual(yield* pipeline.parked, [])
      const handled = pipeline.deliveries("letter").filter(({ outcome }) => outcome._tag === "Handled")
      assert.deepStrictEqual(
        handled.map(({ version }) => version),
        [1, 2]
      )
    })
  )

  it.effect("your own transactions are the stream's: what is rolled back is no event", () =>
    Effect.gen(function* () {
      const pipeline = yield* TestPipeline.make(stream, [balance])
      const write = Effect.andThen(stream.append([put("ada", 5)]), Effect.fail("no"))
      assert.strictEqual(yield* Effect.flip(pipeline.transaction(write)), "no")
      yield* pipeline.settled
      assert.deepStrictEqual(pipeline.deliveries("balance"), [])
    }).pipe(withBook)
  )

  it.effect("says what it waits for when it does not come to rest", () =>
    Effect.gen(function* () {
      const stuck = Handler.external(stream, "stuck", {}, () => Effect.never)
      const pipeline = yield* TestPipeline.make(stream, [stuck], { patienceMs: 2_000 })
      yield* pipeline.append(put("ada", 5))
      assert.include((yield* Effect.flip(pipeline.settled)).message, "did not come to rest within")
    })
  )

  it.live("runs on the real clock too", () =>
    Effect.gen(function* () {
      const pipeline = yield* TestPipeline.make(stream, [balance])
      yield* pipeline.append(put("ada", 5))
      yield* pipeline.settled
      assert.strictEqual((yield* Book).get("ada"), 5)
    }).pipe(withBook)
  )
})
