import { createServer } from "node:net"
import { stat } from "node:fs/promises"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { startNats } from "../../../src/infra/embedded/EmbeddedNats.ts"
import { startPostgres } from "../../../src/infra/embedded/EmbeddedPostgres.ts"
import { EmbeddedServers } from "../../../src/infra/embedded/EmbeddedServers.ts"
import { isAlive } from "../../../src/infra/embedded/HostProcess.ts"
import { tempDataDir, tempServers } from "../../../src/infra/embedded/TempServers.ts"
import { publish, query, storedMessages, withNats } from "./Clients.ts"

const opened = (dataDir: string) =>
  EmbeddedServers.layer({ dataDir, postgres: true, nats: true }).pipe(
    Layer.build,
    Effect.map((context) => Context.get(context, EmbeddedServers)),
    Effect.flatMap((servers) =>
      servers.databaseUrl === undefined || servers.natsUrl === undefined
        ? Effect.die("a server is missing")
        : Effect.succeed({ ...servers, databaseUrl: servers.databaseUrl, natsUrl: servers.natsUrl })
    )
  )

const modeOf = (path: string) => Effect.promise(async () => (await stat(path)).mode & 0o777)

/** Listens on a port of 127.0.0.1 until the scope closes, unless somebody else does already. */
const taken = (port: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer()
      server.once("error", () => resume(Effect.succeed(server)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.asVoid)

describe("both servers", () => {
  it.live("start beside taken default ports, keep secrets, and find their data and ports again", () =>
    Effect.gen(function* () {
      yield* taken(5432)
      yield* taken(4222)
      const dataDir = yield* tempDataDir
      const first = yield* Effect.scoped(
        Effect.gen(function* () {
          const servers = yield* opened(dataDir)
          yield* query(servers.databaseUrl, "create table kept as select 42 as answer")
          yield* publish(servers.natsUrl, "kept")
          return { database: Redacted.value(servers.databaseUrl), nats: servers.natsUrl }
        })
      )
      for (const file of ["postgres/password", "nats/password", "nats/nats.conf", "postgres/postgres.log"]) {
        assert.strictEqual(yield* modeOf(`${dataDir}/${file}`), 0o600, file)
      }
      const again = yield* opened(dataDir)
      assert.deepStrictEqual(first, { database: Redacted.value(again.databaseUrl), nats: again.natsUrl })
      assert.deepStrictEqual(yield* query(again.databaseUrl, "select answer from kept"), [{ answer: 42 }])
      assert.strictEqual(yield* storedMessages(again.natsUrl), 1)
    })
  )

  it.live("are set up as promised and let nobody in without the password", () =>
    Effect.gen(function* () {
      const servers = yield* opened(yield* tempDataDir)
      const shown = yield* query(
        servers.databaseUrl,
        `select current_setting('fsync') as fsync, current_setting('max_connections') as connections,
           current_setting('server_encoding') as encoding, current_setting('listen_addresses') as addresses,
           (select datlocale from pg_database where datname = 'millrace') as locale`
      )
      assert.deepStrictEqual(shown, [
        { fsync: "on", connections: "100", encoding: "UTF8", addresses: "127.0.0.1", locale: "C.UTF-8" }
      ])
      const wrong = Redacted.make(Redacted.value(servers.databaseUrl).replace(/:[0-9a-f]{48}@/, ":wrong@"))
      yield* Effect.flip(Effect.scoped(query(wrong, "select 1")))
      yield* Effect.flip(withNats(servers.natsUrl.replace(/:[0-9a-f]{48}@/, ":wrong@"), async () => undefined))
    })
  )

  it.live("come back by themselves on the same port after a crash, and say so", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const onProgress = (line: string) => Effect.sync(() => void lines.push(line))
      const servers = yield* tempServers({ onProgress }).pipe(
        Layer.build,
        Effect.map((context) => Context.get(context, EmbeddedServers))
      )
      for (const server of [servers.postgres, servers.nats]) {
        if (server === undefined) return yield* Effect.die("a server is missing")
        const before = yield* server.pid
        yield* server.kill
        assert.isUndefined(yield* server.pid)
        const after = yield* server.pid.pipe(
          Effect.repeat({ until: (pid) => pid !== undefined }),
          Effect.timeout("10 seconds")
        )
        assert.notStrictEqual(after, before)
      }
      assert.strictEqual(lines.filter((line) => line.includes("ended unasked (ended by signal 9)")).length, 2)
    })
  )
})

describe("a server without supervision", () => {
  it.live("Postgres: SIGKILL, then start on the same port finds what was committed", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres({ dataDir: yield* tempDataDir, supervise: false })
      yield* query(server.url, "create table kept as select 1 as answer")
      const pid = (yield* server.pid) ?? 0
      yield* server.kill
      assert.isFalse(yield* isAlive(pid))
      yield* Effect.sleep("500 millis")
      assert.isUndefined(yield* server.pid)
      yield* server.start
      assert.deepStrictEqual(yield* query(server.url, "select answer from kept"), [{ answer: 1 }])
    })
  )

  it.live("nats: SIGKILL or stop, then start on the same port finds what was acknowledged", () =>
    Effect.gen(function* () {
      const server = yield* startNats({ dataDir: yield* tempDataDir, supervise: false, syncAlways: true })
      yield* publish(server.url, "one")
      yield* server.kill
      yield* server.start
      yield* server.start
      yield* publish(server.url, "two")
      yield* server.stop
      assert.isUndefined(yield* server.pid)
      yield* server.start
      assert.strictEqual(yield* storedMessages(server.url), 2)
    })
  )
})
