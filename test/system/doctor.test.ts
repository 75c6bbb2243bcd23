/** Each check of the doctor is made to fail for real, and says what to do. */
import { createServer } from "node:http"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { DiscardPolicy, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { migratePipeline } from "../../src/infra/postgres/PipelineTables.ts"
import { postgresChecks } from "../../src/infra/postgres/pgChecks.ts"
import { orderMigrations, orderMigrationsTable, orderTables } from "../../src/app/orders/orderMigrations.ts"
import { diagnose } from "../../src/ops/Doctor.ts"
import { query, withNats, withSql } from "../infra/embedded/Clients.ts"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { doctor, expectIn, findingsIn } from "../support/servers/DoctorRun.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { freePort, startServers, TestServers } from "../support/servers/TestServers.ts"

/** Servers and processes one after the other, on machines that are busy. */
const slowly = 120_000

layer(TestServers.layer, { excludeTestServices: true, timeout: "30 seconds" })("before the first start", (it) => {
  it.effect(
    "named servers pass but for what a client cannot see, and nothing is made in them",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* TestServers
        const { code, found } = yield* doctor(environment)
        assert.strictEqual(code, 10)
        const failed = [...found.values()].filter(({ status }) => status === "failed").map(({ name }) => name)
        // These test servers run without fsync, and no pipeline runs.
        assert.sameMembers(failed, ["pipeline", "postgres durability"])
        expectIn(found, "postgres durability", "failed", /fsync is off/, /set fsync = on/)
        expectIn(
          found,
          "nats durability",
          "warning",
          /one copy/,
          /sync_interval: always.*OUTBOX_KEEP_SECONDS.*STREAM_REPLICAS/
        )
        expectIn(found, "migrations", "ok", /made at the first start/, /^$/)
        expectIn(found, "stream drift", "ok", /made at the first start/, /^$/)
        const [made] = yield* query(databaseUrl, "SELECT to_regnamespace('millrace') IS NOT NULL AS yes")
        assert.strictEqual(at(made, "yes"), false)
      }),
    slowly
  )

  it.effect(
    "a user who may not make the tables is told what to grant, with the role's name",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* TestServers
        yield* query(databaseUrl, "CREATE ROLE stranger LOGIN PASSWORD 'x'")
        const url = new URL(Redacted.value(databaseUrl))
        url.username = "stranger"
        url.password = "x"
        const { found } = yield* doctor({ ...environment, DATABASE_URL: url.href })
        expectIn(
          found,
          "permissions",
          "failed",
          /stranger may not make the tables/,
          /GRANT CREATE ON DATABASE "millrace" TO "stranger"/
        )
      }),
    slowly
  )
})

describe("a stream that differs", () => {
  it.live(
    "is a failure when the protocol needs it otherwise, a warning when not, with the way to change it",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        const asManager = (change: (manager: JetStreamManager) => Promise<unknown>) =>
          withNats(environment.NATS_URL, (connection) => jetstreamManager(connection).then(change))
        yield* asManager((manager) =>
          manager.streams.add({ name: "ORDERS", subjects: ["other.>"], duplicate_window: 1e9, max_age: 2e9 })
        )
        const { found } = yield* doctor(environment)
        expectIn(
          found,
          "stream drift",
          "failed",
          /subjects is \["other.>"\], declared \["order.partition.>"\]/,
          /nats stream edit ORDERS/
        )
        expectIn(found, "duplicate window", "warning", /^1 s/, /--dupe-window 2m/)
        expectIn(found, "stream size", "ok", /no limit/, /^$/)
        yield* asManager((manager) =>
          manager.streams.update("ORDERS", {
            subjects: ["order.partition.>"],
            discard: DiscardPolicy.New,
            allow_atomic: true
          })
        )
        const mended = yield* doctor(environment)
        expectIn(
          mended.found,
          "stream drift",
          "warning",
          /max_age is 2000000000, declared \d+/,
          /nats stream edit ORDERS/
        )
        assert.notMatch(
          mended.found.get("stream drift")?.detail ?? "",
          /subjects|discard|allow_atomic|duplicate_window/
        )
      }),
    slowly
  )

  it.live(
    "is a warning with the figures once it is nearly full, before events have to wait",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        yield* withNats(environment.NATS_URL, async (connection) => {
          const manager = await jetstreamManager(connection)
          await manager.streams.add({ name: "ORDERS", subjects: ["order.partition.>"], max_bytes: 100_000 })
          for (let i = 0; i < 85; i++) await connection.request(`order.partition.0.x`, new Uint8Array(950))
        })
        const { found } = yield* doctor(environment)
        expectIn(found, "stream size", "warning", /8\d %/, /STREAM_MAX_BYTES/)
        expectIn(found, "stream drift", "failed", /discard/, /outbox keeps what waits/)
      }),
    slowly
  )
})

describe("Postgres", () => {
  it.live(
    "an old snapshot is named with its session; it is gone when its transaction is",
    () =>
      Effect.gen(function* () {
        const { databaseUrl } = yield* startServers(false)
        yield* withSql(databaseUrl, migratePipeline)
        const app = { table: orderMigrationsTable, migrations: orderMigrations, tables: orderTables }
        const look = diagnose(
          postgresChecks({ url: databaseUrl, pooled: false, app, snapshotMaxSeconds: 1 }).filter(
            ({ name }) => name === "old snapshots"
          )
        )
        const held = Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
          yield* sql`SELECT count(*) FROM millrace.outbox`
          yield* Effect.sleep("1200 millis")
          return findingsIn(yield* look)
        })
        const found = yield* withSql(
          databaseUrl,
          Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(held))
        )
        expectIn(
          found,
          "old snapshots",
          "warning",
          /session \d+ of millrace .*idle in transaction/,
          /pg_terminate_backend/
        )
        expectIn(findingsIn(yield* look), "old snapshots", "ok", /none|0\.\d s old/, /^$/)
      }),
    slowly
  )

  it.live(
    "tables that wait for a migration, and tables that are newer than this version",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        yield* withSql(databaseUrl, migratePipeline)
        expectIn(
          (yield* doctor(environment)).found,
          "migrations",
          "warning",
          /2 to be made: 0001_create_order_tables/,
          /then start this one/
        )
        yield* query(databaseUrl, "INSERT INTO millrace.migrations (migration_id, name) VALUES (99, 'from_the_future')")
        const { code, found } = yield* doctor(environment)
        assert.strictEqual(code, 10)
        expectIn(found, "migrations", "failed", /0099_from_the_future is not known/, /start the version that made them/)
      }),
    slowly
  )

  it.live(
    "a clock that is ahead of this machine's by ten minutes",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        yield* startPipeline(environment)
        // Nobody may set the clock of a test machine: that of the doctor's process goes wrong instead.
        const late = join(import.meta.dirname, "../support/servers/lateClock.mjs")
        const { found } = yield* doctor({ ...environment, NODE_OPTIONS: `--import ${late}` })
        for (const peer of ["postgres", "nats"])
          expectIn(found, `${peer} clock`, "warning", /^(599|600)\d{3} ms ahead of this machine's/, /NTP/)
      }),
    slowly
  )
})

describe("this machine", () => {
  it.live(
    "a port that another program has",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        yield* Effect.acquireRelease(
          Effect.callback<ReturnType<typeof createServer>>((resume) => {
            const server = createServer((_, response) => response.end("I am not a pipeline"))
            server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
        )
        const { found } = yield* doctor({ PORT: String(port) })
        expectIn(found, "port", "failed", new RegExp(`${port} of 127.0.0.1 is taken by another program`), /--port/)
      }),
    slowly
  )

  it.live(
    "a data folder that cannot be",
    () =>
      Effect.gen(function* () {
        const { code, found } = yield* doctor({ DATA_DIR: "/proc/nothing" })
        assert.strictEqual(code, 10)
        expectIn(found, "disk", "failed", /GB free|EACCES|EROFS|permission/i, /--data-dir/)
        expectIn(found, "postgres", "ok", /embedded/, /^$/)
      }),
    slowly
  )
})

describe("a running pipeline", () => {
  it.live(
    "with servers of its own tells of them and of itself; parked keys and pauses are warnings",
    () =>
      Effect.gen(function* () {
        const receiver = yield* pushReceiver
        receiver.refuse(() => 422)
        const directory = yield* tempDataDir
        const pipeline = yield* startPipeline({ DATA_DIR: directory, PUSH_WEBHOOK_URL: receiver.url })
        const shop = shopAt(pipeline.url)
        yield* shop.setStock("lamp", 1)
        yield* shop.create({ orderId: "doctor-1" })
        const port = new URL(pipeline.url).port
        const look = doctor({ MILLRACE_URL: pipeline.url, PORT: port, DATA_DIR: directory })
        yield* eventually(
          "a parked key",
          Effect.map(look, ({ found }) => found.get("parked keys")?.status === "warning")
        )
        yield* runApp(["pause", "mail", "--why", "a test"], { MILLRACE_URL: pipeline.url })
        const { code, found } = yield* look
        assert.strictEqual(code, 0)
        expectIn(found, "port", "ok", /the running pipeline's/, /^$/)
        expectIn(found, "parked keys", "warning", /push 1/, /parked list/)
        expectIn(found, "controls", "warning", /mail is paused by .* \(a test\)/, /resume/)
        for (const name of [
          "postgres",
          "nats",
          "migrations",
          "stream drift",
          "relay",
          "partitions",
          "order",
          "outbox",
          "ack wait",
          "disk"
        ])
          assert.strictEqual(found.get(name)?.status, "ok", name)
        const told = yield* call(pipeline.url, "GET", "/ops/doctor")
        assert.strictEqual(told.status, 200)
        assert.strictEqual(findingsIn(told.json).get("relay")?.status, "ok")
      }),
    slowly
  )

  it.live(
    "without a relay and workers: nobody leads, what is committed waits, and the doctor of the named servers sees it too",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        // The first start knows the handlers.
        const whole = yield* startPipeline(environment)
        yield* whole.signal("SIGTERM")
        yield* whole.exited
        const pipeline = yield* startPipeline({ ...environment, ROLE: "api,ops", BACKLOG_AGE_MAX_SECONDS: "2" })
        const shop = shopAt(pipeline.url)
        yield* shop.setStock("lamp", 1)
        yield* shop.create({ orderId: "doctor-2" })
        yield* Effect.sleep("3 seconds")
        const { code, found } = yield* doctor({
          MILLRACE_URL: pipeline.url,
          BACKLOG_AGE_MAX_SECONDS: "2",
          ...environment
        })
        assert.strictEqual(code, 10)
        expectIn(found, "relay", "failed", /nobody leads it/, /role relay/)
        expectIn(found, "partitions", "warning", /nobody has 16 partitions of/, /role worker/)
        expectIn(found, "outbox", "failed", /1 events wait, the oldest for \d+ s/, /look at the relay/)
        const alone = yield* doctor({ ...environment, BACKLOG_AGE_MAX_SECONDS: "2" })
        expectIn(alone.found, "outbox", "failed", /1 events wait/, /look at the relay/)
      }),
    slowly
  )
})
