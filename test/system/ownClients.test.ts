/** What an application brings itself: its client with its own names, its connection, its second pipeline and its second database. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { connect } from "@nats-io/transport-node"
import { Effect, Layer, Redacted, Schema, String } from "effect"
import { SqlClient } from "effect/sql"
import { EventStream, Handler, Pipeline, Transactor } from "millrace"
import * as NatsPipeline from "millrace/nats"
import * as PgPipeline from "millrace/postgres"
import * as MemoryEventLog from "../../src/infra/memory/MemoryEventLog.ts"
import { natsLogin } from "../../src/infra/nats/NatsLogin.ts"
import { runAudit } from "../../src/pipeline/Audit.ts"
import { query } from "../infra/embedded/Clients.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const Booked = Schema.TaggedStruct("Booked", { account: Schema.String, cents: Schema.Int })
const Announced = Schema.TaggedStruct("Announced", { account: Schema.String, total: Schema.Int })

const Accounts = EventStream.make("own-accounts", {
  subject: "own-account",
  events: { booked: Booked },
  key: (event) => event.account
})

const Letters = EventStream.make("own-letters", {
  subject: "own-letter",
  events: { announced: Announced },
  key: (event) => event.account
})

/** In the handler's transaction: the application's own table, by its own names, and an event of the other stream. */
const balance = Handler.transactional(Accounts, "balance", {}, ({ event: { account, cents } }) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ readonly totalCents: number }>`
      INSERT INTO own_balance AS b ${sql.insert({ accountName: account, totalCents: cents })}
      ON CONFLICT (account_name) DO UPDATE SET total_cents = b.total_cents + ${cents} RETURNING total_cents`
    yield* Letters.append([Announced.make({ account, total: row?.totalCents ?? -1 })])
  })
)

const accounts = ["ada", "bob", "eve"] as const
const deposits = 40

/** The application's own transaction: a row of its own, and the event. */
const deposit = Effect.fnUntraced(function* (account: string) {
  const sql = yield* PgClient.PgClient
  const appended = yield* sql.withTransaction(
    Effect.andThen(
      sql`INSERT INTO own_deposit ${sql.insert({ accountName: account })}`,
      Accounts.append([Booked.make({ account, cents: 5 })])
    )
  )
  for (const { eventId } of appended) assert.isString(eventId)
})

const createTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE own_balance (account_name text PRIMARY KEY, total_cents int NOT NULL)`
  yield* sql`CREATE TABLE own_deposit (account_name text NOT NULL)`
})

const ownClient = (url: Redacted.Redacted) =>
  PgClient.layer({
    url,
    startupParameters: PgPipeline.sessionParameters,
    transformQueryNames: String.camelToSnake,
    transformResultNames: String.snakeToCamel
  })

const ownConnection = Effect.acquireRelease(
  Effect.flatMap(TestServers, ({ natsUrl }) => {
    const { servers, ...login } = natsLogin(Redacted.value(natsUrl))
    return Effect.promise(() => connect({ ...NatsPipeline.healing, ...login, servers: [...servers] }))
  }),
  (connection) => Effect.promise(() => connection.close())
)

/** A second database on the same server. */
const otherDatabase = Effect.fnUntraced(function* (url: Redacted.Redacted, name: string) {
  yield* query(url, `CREATE DATABASE ${name}`)
  const other = new URL(Redacted.value(url))
  other.pathname = `/${name}`
  return Redacted.make(other.href)
})

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("an application's own", (it) => {
  it.effect("client and connection carry two pipelines, one feeding the other, and stay the application's", () =>
    Effect.gen(function* () {
      const { databaseUrl } = yield* TestServers
      const connection = yield* ownConnection
      const letters = new Map<string, Array<number>>()
      const letter = Handler.external(Letters, "letter", {}, ({ event: { account, total } }) =>
        Effect.sync(() => void letters.set(account, [...(letters.get(account) ?? []), total]))
      )
      const ports = PgPipeline.layerFrom().pipe(Layer.provideMerge(NatsPipeline.layerFrom(connection)))
      const both = Layer.mergeAll(Pipeline.layer(Accounts, [balance]), Pipeline.layer(Letters, [letter]))
      const app = both.pipe(
        Layer.provideMerge(Layer.effectDiscard(createTables)),
        Layer.provideMerge(ports),
        Layer.provideMerge(ownClient(databaseUrl))
      )
      yield* Effect.gen(function* () {
        const everyone = accounts.flatMap((account) => Array.from({ length: deposits }, () => account))
        yield* Effect.forEach(everyone, deposit, { concurrency: 8, discard: true })
        const count = () => [...letters.values()].reduce((sum, some) => sum + some.length, 0)
        yield* eventually(
          "all letters",
          Effect.sync(() => count() >= everyone.length)
        )
        // Each total once and in order: nothing was lost, doubled or overtaken on two streams.
        const totals = Array.from({ length: deposits }, (_, i) => 5 * (i + 1))
        for (const account of accounts) assert.deepStrictEqual(letters.get(account), totals, account)
        for (const stream of [Accounts.name, Letters.name]) {
          const report = yield* runAudit(stream)
          assert.isTrue(report.ok, JSON.stringify(report.faults))
          assert.strictEqual(report.committed, everyone.length)
        }
      }).pipe(Effect.provide(app))
      assert.isFalse(connection.isClosed())
      yield* Effect.promise(() => connection.rtt())
    })
  )

  it.effect("client whose sessions may idle in a transaction for ever is refused, with what to do", () =>
    Effect.gen(function* () {
      const { databaseUrl } = yield* TestServers
      const ports = PgPipeline.layerFrom().pipe(
        Layer.provide(MemoryEventLog.layer),
        Layer.provide(PgClient.layer({ url: databaseUrl }))
      )
      const refused = yield* Effect.flip(Effect.scoped(Layer.build(ports)))
      assert.strictEqual(refused._tag, "SessionsUnbounded")
      assert.include(refused.message, "ALTER ROLE")
    })
  )

  it.effect("databases in one process do not share anything, whoever made the clients", () =>
    Effect.gen(function* () {
      const { databaseUrl } = yield* TestServers
      const urls = yield* Effect.forEach(["north", "south", "east", "west"], (name) => otherDatabase(databaseUrl, name))
      const append = (account: string) =>
        Effect.flatMap(Transactor, ({ run }) => run(Accounts.append([Booked.make({ account, cents: 1 })])))
      const portsOf = (url: Redacted.Redacted, i: number) =>
        i < 2
          ? PgPipeline.layer({ url, connectionsMax: 2, keepAlive: "20 seconds" })
          : PgPipeline.layerFrom().pipe(Layer.provide(ownClient(url)))
      const [first = Layer.empty, ...others] = urls.map((url, i) =>
        Layer.effectDiscard(append(`account-${i}`)).pipe(
          Layer.provide(portsOf(url, i)),
          Layer.provide(MemoryEventLog.layer)
        )
      )
      yield* Effect.scoped(Layer.build(Layer.mergeAll(first, ...others)))
      const keys = yield* Effect.forEach(urls, (url) => query(url, "SELECT key FROM millrace.outbox ORDER BY id"))
      assert.deepStrictEqual(
        keys,
        urls.map((_, i) => [{ key: `account-${i}` }])
      )
    })
  )
})
