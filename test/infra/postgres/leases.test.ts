import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { ControlDesk } from "../../../src/pipeline/ControlDesk.ts"
import type { Instance } from "../../../src/pipeline/Ownership.ts"
import { Ownership } from "../../../src/pipeline/Ownership.ts"
import { Outbox } from "../../../src/pipeline/Outbox.ts"
import { RelayStore } from "../../../src/pipeline/RelayStore.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { Inbox } from "../../../src/pipeline/Inbox.ts"
import { commitOf, entryOf, freshStream, pgWorld } from "./PgWorld.ts"

const ada: Instance = { id: "ada", host: "h", version: "0", roles: [] }
const bob: Instance = { id: "bob", host: "h", version: "0", roles: [] }

const at = (partition: number) => ({ handler: "mail", partition })

const isLost = <A, R>(operation: Effect.Effect<A, { readonly _tag: string }, R>) =>
  Effect.map(Effect.flip(operation), (error) => assert.strictEqual(error._tag, "LeaseLost"))

/** As if the owner had been away for longer than its lease. */
const expire = Effect.fnUntraced(function* (table: "relay" | "lease", stream: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`UPDATE ${sql(`millrace.${table}`)} SET expires_at = clock_timestamp() - interval '1 second' WHERE stream = ${stream}`
})

const appended = Effect.fnUntraced(function* (stream: string, keys: ReadonlyArray<string>) {
  const outbox = yield* Outbox
  const transactor = yield* Transactor
  yield* transactor.run(outbox.append(stream, keys.map(entryOf), {}))
  const store = yield* RelayStore
  return yield* store.read(stream, 1_000, [])
})

const leader = Effect.fnUntraced(function* (stream: string, owner: string) {
  const store = yield* RelayStore
  const lease = yield* store.acquire(stream, owner)
  return lease ?? (yield* Effect.die(`${owner} did not get the lease`))
})

const owned = Effect.fnUntraced(function* (stream: string, owner: string, partitions: ReadonlyArray<number>) {
  const ownership = yield* Ownership
  const claims = yield* ownership.claim(stream, owner, partitions.map(at))
  return claims.toSorted((a, b) => a.partition - b.partition)
})

const refsOf = (rows: ReadonlyArray<{ readonly id: number; readonly eventId: string }>) =>
  rows.map(({ eventId, id }, i) => ({ outboxId: id, eventId, seq: i + 1 }))

const start = { lastSeq: 0, streamCreated: "" }

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("the relay's lease", (it) => {
  it.effect("has one holder; an expired one is taken under a higher epoch, and the old one is fenced", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const store = yield* RelayStore
      const rows = yield* appended(stream, ["a", "b"])
      const old = yield* leader(stream, "ada")
      assert.isUndefined(yield* store.acquire(stream, "bob"))
      assert.isUndefined(yield* store.acquire(stream, "ada"))
      assert.deepStrictEqual((yield* store.renew(old)).position, start)
      yield* expire("relay", stream)
      // Late, but nobody took it: it is still its own.
      yield* store.renew(old)
      assert.isUndefined(yield* store.acquire(stream, "bob"))
      yield* expire("relay", stream)
      const fresh = yield* leader(stream, "bob")
      assert.strictEqual(fresh.epoch, old.epoch + 1)
      yield* isLost(store.renew(old))
      yield* isLost(store.acknowledge(old, start, { ...start, lastSeq: 2 }, refsOf(rows), false))
      yield* isLost(store.rewind(old, start, start))
      yield* store.release(old)
      assert.isUndefined(yield* store.acquire(stream, "ada"))
      assert.lengthOf(yield* store.read(stream, 10, []), 2)
      yield* store.release(fresh)
      assert.strictEqual((yield* leader(stream, "ada")).epoch, fresh.epoch + 1)
    })
  )

  it.effect("is taken by exactly one of many at the same time", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const store = yield* RelayStore
      const taken = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, i) => `relay ${i}`),
        (owner) => store.acquire(stream, owner),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        taken.filter((lease) => lease !== undefined),
        1
      )
    })
  )

  it.effect("acknowledge deletes only from the position it knows, and only rows whose both ids match", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const store = yield* RelayStore
      const rows = yield* appended(stream, ["a", "b", "a", "c"])
      const [first, second, third] = refsOf(rows)
      const lease = yield* leader(stream, "ada")
      yield* isLost(store.acknowledge(lease, { ...start, lastSeq: 7 }, { ...start, lastSeq: 8 }, refsOf(rows), false))
      assert.lengthOf(yield* store.read(stream, 10, []), 4)
      const to = { lastSeq: 2, streamCreated: "today" }
      const swapped = [{ outboxId: first?.outboxId ?? 0, eventId: second?.eventId ?? "", seq: 1 }]
      assert.strictEqual(yield* store.acknowledge(lease, start, to, swapped, false), 0)
      assert.deepStrictEqual((yield* store.renew(lease)).position, to)
      assert.strictEqual(
        yield* store.acknowledge(lease, to, { ...to, lastSeq: 3 }, third === undefined ? [] : [third], false),
        1
      )
      const left = yield* store.read(stream, 10, [rows[1]?.id ?? 0])
      assert.deepStrictEqual(
        left.map(({ key, version }) => `${key}${version}`),
        ["a1", "c1"]
      )
    })
  )

  it.effect("rewind puts any number of kept rows back, in portions", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const store = yield* RelayStore
      const sql = yield* SqlClient.SqlClient
      const lease = yield* leader(stream, "ada")
      const to = { ...start, lastSeq: 12_001 }
      yield* store.acknowledge(lease, start, to, [], true)
      yield* sql`
        INSERT INTO millrace.published (stream, id, event_id, key, version, slot, type, traceparent, payload, appended_at, seq)
        SELECT ${stream}, i, gen_random_uuid(), 'k', i, 0, 'done', '', '{}', now(), i FROM generate_series(1, 12001) AS i`
      assert.strictEqual(yield* store.rewind(lease, to, { ...start, lastSeq: 1 }), 12_000)
      const [first] = yield* store.read(stream, 1, [])
      assert.strictEqual(first?.version, 2)
    })
  )

  it.effect("a held key stays in the outbox from its row on; its earlier rows and other keys go", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const store = yield* RelayStore
      const rows = yield* appended(stream, ["a", "b", "a", "a", "b"])
      const [, , held, later] = rows
      if (held === undefined || later === undefined) return yield* Effect.die("rows are missing")
      yield* store.hold(stream, later, "too large")
      yield* store.hold(stream, held, "too large")
      yield* store.hold(stream, later, "too large")
      const left = yield* store.read(stream, 10, [])
      assert.deepStrictEqual(
        left.map(({ key, version }) => `${key}${version}`),
        ["a1", "b1", "b2"]
      )
    })
  )

  it.effect("rewind lowers position and cursors together, and never raises one", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const store = yield* RelayStore
      const ownership = yield* Ownership
      const inbox = yield* Inbox
      yield* ownership.declare(stream, ["mail"], 2)
      const [ahead, behind] = yield* owned(stream, "ada", [0, 1])
      if (ahead === undefined || behind === undefined) return yield* Effect.die("claims are missing")
      yield* inbox.commit([commitOf(ahead, ["a"], 9)], Effect.void)
      yield* inbox.commit([commitOf(behind, ["b"], 3)], Effect.void)
      const lease = yield* leader(stream, "ada")
      yield* store.acknowledge(lease, start, { ...start, lastSeq: 9 }, [], false)
      yield* store.rewind(lease, { ...start, lastSeq: 9 }, { lastSeq: 5, streamCreated: "anew" })
      assert.strictEqual((yield* ownership.open(ahead)).cursor, 5)
      assert.strictEqual((yield* ownership.open(behind)).cursor, 3)
      assert.deepStrictEqual((yield* store.renew(lease)).position, { lastSeq: 5, streamCreated: "anew" })
    })
  )
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("ownership of partitions", (it) => {
  it.effect("a claim raises the epoch; who held it before can neither renew, read the cursor nor commit", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const ownership = yield* Ownership
      const inbox = yield* Inbox
      const sql = yield* SqlClient.SqlClient
      yield* ownership.declare(stream, ["mail"], 3)
      yield* ownership.declare(stream, ["mail"], 3)
      const old = yield* owned(stream, "ada", [0, 1])
      assert.deepStrictEqual(
        old.map(({ cursor, epoch }) => [cursor, epoch]),
        [
          [0, 1],
          [0, 1]
        ]
      )
      assert.lengthOf(yield* owned(stream, "bob", [0, 1]), 0)
      yield* expire("lease", stream)
      const [fresh] = yield* owned(stream, "bob", [0])
      const [stale, kept] = old
      if (fresh === undefined || stale === undefined || kept === undefined)
        return yield* Effect.die("a claim is missing")
      assert.strictEqual(fresh.epoch, stale.epoch + 1)
      yield* isLost(ownership.open(stale))
      const beat = yield* ownership.beat(stream, ada, ["mail"], old)
      assert.deepStrictEqual(
        beat.renewed.map((claim) => claim.partition),
        [1]
      )
      yield* sql`CREATE TABLE effects (stream text, what text)`
      const effect = (what: string) => Effect.asVoid(sql`INSERT INTO effects VALUES (${stream}, ${what})`)
      yield* isLost(inbox.commit([commitOf(stale, ["a"])], effect("of a zombie")))
      yield* isLost(inbox.commit([commitOf(kept, ["k"]), commitOf(stale, ["a"])], effect("with a zombie")))
      assert.deepStrictEqual(yield* inbox.commitGroup([commitOf(stale, ["a"]), commitOf(kept, ["k"])]), [false, true])
      yield* inbox.commit([commitOf(fresh, ["a"])], effect("of the owner"))
      assert.deepStrictEqual(yield* sql`SELECT what FROM effects`, [{ what: "of the owner" }])
      assert.strictEqual((yield* ownership.open(fresh)).cursor, 1)
      yield* ownership.release([stale])
      assert.strictEqual((yield* ownership.open(fresh)).cursor, 1)
      assert.lengthOf(yield* owned(stream, "ada", [0]), 0)
    })
  )

  it.effect("a beat shows who lives and what is free; a release frees at once; who leaves is gone", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const ownership = yield* Ownership
      yield* ownership.declare(stream, ["mail"], 3)
      const claims = yield* owned(stream, "ada", [0, 1])
      const first = yield* ownership.beat(stream, ada, ["mail"], claims)
      assert.deepStrictEqual([first.live, first.free], [[{ id: "ada", handlers: ["mail"] }], [at(2)]])
      assert.deepStrictEqual(
        first.renewed.toSorted((a, b) => a.partition - b.partition),
        claims
      )
      const members = [
        { id: "ada", handlers: ["mail"] },
        { id: "bob", handlers: [] }
      ]
      const other = yield* ownership.beat(stream, bob, [], [])
      assert.deepStrictEqual([other.live, other.free, other.renewed], [members, [at(2)], []])
      yield* ownership.release(claims.slice(0, 1))
      yield* ownership.leave(stream, ada)
      const last = yield* ownership.beat(stream, bob, [], [])
      assert.deepStrictEqual(last.live, members.slice(1))
      assert.deepStrictEqual(
        last.free.toSorted((a, b) => a.partition - b.partition),
        [at(0), at(2)]
      )
      const [again] = yield* owned(stream, "bob", [0])
      assert.strictEqual(again?.epoch, 2)
    })
  )

  it.effect("a partition that a frozen session locks does not hold up the claim of others", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const ownership = yield* Ownership
      const transactor = yield* Transactor
      const sql = yield* SqlClient.SqlClient
      yield* ownership.declare(stream, ["mail"], 3)
      const frozen = yield* transactor
        .run(
          sql`SELECT 1 FROM millrace.lease WHERE stream = ${stream} AND partition = 1 FOR UPDATE`.pipe(
            Effect.andThen(owned(stream, "bob", [0, 1, 2]))
          )
        )
        .pipe(Effect.timeout("2 seconds"), Effect.forkChild)
      const claims = yield* Fiber.join(frozen)
      assert.deepStrictEqual(
        claims.map((claim) => claim.partition),
        [0, 2]
      )
      assert.lengthOf(yield* owned(stream, "bob", [0, 1, 2]), 1)
    })
  )

  it.effect("many claim at the same time and every partition goes to exactly one", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const ownership = yield* Ownership
      yield* ownership.declare(stream, ["mail"], 40)
      const wanted = Array.from({ length: 40 }, (_, i) => i)
      const claims = yield* Effect.forEach(
        Array.from({ length: 8 }, (_, i) => `owner ${i}`),
        (owner) => owned(stream, owner, wanted),
        { concurrency: "unbounded" }
      )
      const got = claims.flat().map((claim) => claim.partition)
      assert.lengthOf(got, new Set(got).size)
      assert.deepStrictEqual(
        claims.flat().map((claim) => claim.epoch),
        got.map(() => 1)
      )
    })
  )
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("what was asked of an instance", (it) => {
  it.effect("is forgotten an hour after it left, and not while it lives, or soon after", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const ownership = yield* Ownership
      const desk = yield* ControlDesk
      const sql = yield* SqlClient.SqlClient
      yield* ownership.declare(stream, ["mail"], 1)
      for (const one of [ada, bob]) yield* ownership.beat(stream, one, ["mail"], [])
      const by = { actor: "eve", why: "to see" }
      for (const instance of ["ada", "bob", "cal"])
        yield* desk.change(stream, "drain", { instance }, { draining: true }, by)
      yield* desk.change(stream, "pause", { handler: "mail" }, { paused: true }, by)
      yield* sql`UPDATE millrace.control SET at = at - interval '2 hours' WHERE stream = ${stream} AND instance <> 'cal'`
      yield* ownership.leave(stream, bob)
      yield* ownership.declare(stream, ["mail"], 1)
      assert.deepStrictEqual(
        (yield* desk.list(stream)).map(({ handler, instance }) => handler ?? instance),
        ["ada", "cal", "mail"]
      )
    })
  )
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("thousands of leases of one instance", (it) => {
  it.effect("are renewed well within a beat", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const ownership = yield* Ownership
      const sql = yield* SqlClient.SqlClient
      const handlers = ["mail", "sums", "push", "hooks"]
      yield* ownership.declare(stream, handlers, 1_024)
      yield* sql`ANALYZE millrace.lease`
      const all = handlers.flatMap((handler) =>
        Array.from({ length: 1_024 }, (_, partition) => ({ handler, partition }))
      )
      const claims = yield* ownership.claim(stream, "ada", all)
      const report = "x".repeat(250_000)
      // Either gives up after two seconds.
      assert.lengthOf((yield* ownership.beat(stream, ada, handlers, claims, report)).renewed, 4_096)
      const begin = performance.now()
      assert.lengthOf((yield* ownership.beat(stream, ada, handlers, claims, report)).renewed, 4_096)
      assert.lengthOf(yield* ownership.renew(claims.slice(0, 1_000)), 1_000)
      assert.isBelow(performance.now() - begin, 1_000)
    })
  )
})
