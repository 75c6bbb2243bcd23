import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { Inbox } from "../../../src/pipeline/Inbox.ts"
import { type Claim, Ownership } from "../../../src/pipeline/Ownership.ts"
import { commitOf, freshStream, PgUnderTest, pgWorld, reasonOf, storedOf } from "./PgWorld.ts"

/** Partitions of a handler, just claimed, and a place for effects. */
const opened = Effect.fnUntraced(function* (partitions: number) {
  const stream = yield* freshStream
  const ownership = yield* Ownership
  const sql = yield* SqlClient.SqlClient
  yield* ownership.declare(stream, ["h"], partitions)
  const wanted = Array.from({ length: partitions }, (_, partition) => ({ handler: "h", partition }))
  const claims = (yield* ownership.claim(stream, "ada", wanted)).toSorted((a, b) => a.partition - b.partition)
  yield* sql`CREATE TABLE IF NOT EXISTS effects (stream text, what text)`
  const effect = (what: string) => Effect.asVoid(sql`INSERT INTO effects VALUES (${stream}, ${what})`)
  const effects = Effect.map(
    sql<{ readonly what: string }>`SELECT what FROM effects WHERE stream = ${stream} ORDER BY what`,
    (rows) => rows.map((row) => row.what)
  )
  const cursors = Effect.map(ownership.renew(claims), (kept) =>
    kept.toSorted((a, b) => a.partition - b.partition).map((claim) => claim.cursor)
  )
  return { stream, claims, effect, effects, cursors }
})

const claimAt = (claims: ReadonlyArray<Claim>, partition: number): Claim => {
  const claim = claims[partition]
  assert.isDefined(claim)
  return claim
}

const versions = Effect.fnUntraced(function* (stream: string, keys: ReadonlyArray<string>) {
  const inbox = yield* Inbox
  return (yield* inbox.progress(stream, "h", keys)).map(({ version }) => version)
})

const tagOf = <A, R>(operation: Effect.Effect<A, unknown, R>) =>
  Effect.map(Effect.flip(operation), (error) =>
    typeof error === "object" && error !== null && "_tag" in error ? error._tag : error
  )

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("the inbox", (it) => {
  it.effect("commits effects, progress and cursors of several partitions together", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const { claims, cursors, effect, effects, stream } = yield* opened(2)
      const commits = [commitOf(claimAt(claims, 0), ["a", "b"], 7), commitOf(claimAt(claims, 1), ["c"], 5)]
      yield* inbox.commit(commits, effect("done"))
      assert.deepStrictEqual(yield* effects, ["done"])
      assert.deepStrictEqual(yield* cursors, [7, 5])
      assert.deepStrictEqual(yield* versions(stream, ["c", "a", "nobody", "b"]), [1, 1, 0, 1])
    })
  )

  it.effect("refuses a commit of an opening before, of another version, and of the same events again", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const ownership = yield* Ownership
      const { claims, effect, effects, stream } = yield* opened(1)
      const first = yield* ownership.open(claimAt(claims, 0))
      const second = yield* ownership.open(first)
      const move = (from: number, to: number) => ({
        ...commitOf(second, [], 0),
        moves: [{ key: "a", from, to, parked: false }]
      })
      assert.strictEqual(yield* tagOf(inbox.commit([{ ...move(0, 1), claim: first }], effect("late"))), "LeaseLost")
      assert.deepStrictEqual(yield* inbox.commitGroup([{ ...move(0, 1), claim: first }]), [false])
      yield* inbox.commit([move(0, 1)], effect("once"))
      assert.strictEqual(yield* tagOf(inbox.commit([move(0, 1)], effect("twice"))), "LeaseLost")
      assert.strictEqual(yield* tagOf(inbox.commit([move(0, 2)], effect("too far"))), "LeaseLost")
      assert.deepStrictEqual(yield* effects, ["once"])
      assert.deepStrictEqual(yield* versions(stream, ["a"]), [1])
    })
  )

  it.effect("writes nothing when the effects fail, die, or break a constraint", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const sql = yield* SqlClient.SqlClient
      const { claims, cursors, effect, effects, stream } = yield* opened(1)
      const commits = [commitOf(claimAt(claims, 0), ["a"])]
      const failing = Effect.andThen(effect("half"), Effect.fail("no"))
      assert.strictEqual(yield* tagOf(inbox.commit(commits, failing)), "no")
      const broken = Effect.andThen(effect("half"), Effect.asVoid(sql`SELECT 1 / 0`))
      assert.strictEqual(yield* tagOf(inbox.commit(commits, broken)), "SqlError")
      yield* Effect.exit(inbox.commit(commits, Effect.andThen(effect("half"), Effect.die("bug"))))
      assert.deepStrictEqual(yield* effects, [])
      assert.deepStrictEqual(yield* cursors, [0])
      assert.deepStrictEqual(yield* versions(stream, ["a"]), [0])
    })
  )

  it.effect("refuses all of it when one cursor or key is not where the worker thinks", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const { claims, cursors, effect, effects, stream } = yield* opened(2)
      const [left, right] = [claimAt(claims, 0), claimAt(claims, 1)]
      yield* inbox.commit([commitOf(left, ["a"], 3)], effect("first"))
      const staleCursor = [commitOf(right, ["x"]), commitOf(left, ["b"], 4)]
      assert.strictEqual(yield* tagOf(inbox.commit(staleCursor, effect("second"))), "LeaseLost")
      const now = { ...left, cursor: 3 }
      const overtaken = [commitOf(right, ["x"]), commitOf(now, ["a", "b"], 4)]
      assert.strictEqual(yield* tagOf(inbox.commit(overtaken, effect("third"))), "LeaseLost")
      assert.deepStrictEqual(yield* effects, ["first"])
      assert.deepStrictEqual(yield* cursors, [3, 0])
      assert.deepStrictEqual(yield* versions(stream, ["a", "b", "x"]), [1, 0, 0])
      assert.deepStrictEqual(yield* inbox.commitGroup(overtaken), [true, false])
      assert.deepStrictEqual(yield* versions(stream, ["a", "b", "x"]), [1, 0, 1])
      assert.deepStrictEqual(yield* cursors, [3, 1])
    })
  )

  it.effect("a group answers for each commit in its order, and lands exactly once", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const { claims, cursors } = yield* opened(4)
      const commits = claims.toReversed().map((claim) => commitOf(claim, [`key of ${claim.partition}`]))
      const zombie = commits.map((commit, i) =>
        i === 1 ? { ...commit, claim: { ...commit.claim, epoch: commit.claim.epoch - 1 } } : commit
      )
      assert.deepStrictEqual(yield* inbox.commitGroup(zombie), [true, false, true, true])
      assert.deepStrictEqual(yield* inbox.commitGroup(commits), [false, true, false, false])
      assert.deepStrictEqual(yield* cursors, [1, 1, 1, 1])
    })
  )

  it.effect("keeps parked events and order violations as evidence, whatever letters they hold", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const sql = yield* SqlClient.SqlClient
      const { claims, stream } = yield* opened(1)
      const key = `O'Brien "{}" \\ ü 訂`
      const event = { ...storedOf(key, 1, 1), payload: `{"not": "json` }
      const commit = {
        ...commitOf(claimAt(claims, 0), []),
        cursorTo: 2,
        moves: [{ key, from: 0, to: 2, parked: true }],
        parked: [
          { event, reason: { ...reasonOf("DecodeFailed", 8), message: `field "a": 'b'` } },
          { event: storedOf(key, 2, 2), reason: undefined }
        ],
        violations: [{ event: storedOf(key, 9, 3), handledVersion: 2 }]
      }
      yield* inbox.commit([commit], Effect.void)
      assert.deepStrictEqual(yield* inbox.progress(stream, "h", [key]), [{ version: 2, parked: true }])
      const parked = yield* sql`
        SELECT key, version::int AS version, payload FROM millrace.parked_event WHERE stream = ${stream} ORDER BY version`
      assert.deepStrictEqual(parked, [
        { key, version: 1, payload: event.payload },
        { key, version: 2, payload: "{}" }
      ])
      const keys = yield* sql`
        SELECT key, status, reason_tag, reason_message, attempts FROM millrace.parked_key WHERE stream = ${stream}`
      assert.deepStrictEqual(keys, [
        { key, status: "parked", reason_tag: "DecodeFailed", reason_message: `field "a": 'b'`, attempts: 8 }
      ])
      const violations = yield* sql`
        SELECT handled_version::int AS handled, version::int AS version FROM millrace.order_violation WHERE stream = ${stream}`
      assert.deepStrictEqual(violations, [{ handled: 2, version: 9 }])
    })
  )

  it.effect("a session that is killed while the effects run is a typed StoreUnavailable, and can be tried again", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const sql = yield* SqlClient.SqlClient
      const { kill } = yield* PgUnderTest
      const { claims, cursors, effect, effects } = yield* opened(1)
      const commits = [commitOf(claimAt(claims, 0), ["a"])]
      const own = Effect.map(sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`, ([row]) => row?.pid ?? 0)
      const killed = effect("lost").pipe(Effect.andThen(own), Effect.flatMap(kill))
      assert.strictEqual(yield* tagOf(inbox.commit(commits, killed)), "StoreUnavailable")
      yield* inbox.commit(commits, effect("kept"))
      assert.deepStrictEqual(yield* effects, ["kept"])
      assert.deepStrictEqual(yield* cursors, [1])
    })
  )
})
