import { chmod, chown, cp, lstat, mkdir, readlink, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { startPostgres } from "../../../src/infra/embedded/EmbeddedPostgres.ts"
import { locatePostgres, reachablePostgres } from "../../../src/infra/embedded/PostgresBinaries.ts"
import { postgresUser } from "../../../src/infra/embedded/PostgresUser.ts"
import { removeDataDir, tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import { query } from "./Clients.ts"
import { serve } from "./Serving.ts"

const asRoot = process.geteuid?.() === 0

/** A project as under `/root`: nobody but root can enter. */
const privateDataDir = Effect.gen(function* () {
  const project = yield* tempDataDir
  yield* Effect.promise(() => chmod(project, 0o700))
  const dataDir = join(project, ".millrace")
  yield* Effect.addFinalizer(() => removeDataDir(dataDir))
  return dataDir
})

describe.runIf(asRoot)("as root", () => {
  it.live("Postgres runs as somebody else, who owns its data", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres({ dataDir: yield* tempDataDir, durable: false })
      const pid = yield* server.pid
      const owner = yield* Effect.promise(() => stat(`/proc/${pid}`))
      const data = yield* Effect.promise(() => stat(join(server.directory, "data")))
      assert.notStrictEqual(owner.uid, 0)
      assert.strictEqual(data.uid, owner.uid)
      assert.strictEqual(data.mode & 0o077, 0)
    })
  )

  it.live("data moves to where that user can reach it, behind a link, and is found again", () =>
    Effect.gen(function* () {
      const dataDir = yield* privateDataDir
      const first = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* startPostgres({ dataDir, durable: false })
          yield* query(server.url, "create table kept as select 1 as answer")
          return server.directory
        })
      )
      assert.strictEqual(yield* Effect.promise(() => readlink(join(dataDir, "postgres"))), first)
      assert.match(first, /^\/var\/lib\/millrace\//)
      const again = yield* startPostgres({ dataDir, durable: false })
      assert.strictEqual(again.directory, first)
      assert.deepStrictEqual(yield* query(again.url, "select answer from kept"), [{ answer: 1 }])
    })
  )

  it.live("binaries that this user cannot reach are copied to where it can", () =>
    Effect.gen(function* () {
      const hidden = yield* tempDataDir
      yield* Effect.promise(() => chmod(hidden, 0o700))
      const { native } = yield* locatePostgres
      const copied = join(hidden, "native")
      yield* Effect.promise(() => cp(native, copied, { recursive: true, verbatimSymlinks: true }))
      const user = yield* postgresUser(join(hidden, "none"))
      const release = `test-${process.pid}`
      yield* Effect.addFinalizer(() =>
        Effect.promise(() => rm(`/var/lib/millrace/postgres-${release}`, { recursive: true, force: true }))
      )
      assert.strictEqual(yield* reachablePostgres({ native, release }, user), native)
      const found = yield* reachablePostgres({ native: copied, release }, user)
      assert.strictEqual(found, `/var/lib/millrace/postgres-${release}`)
      assert.isTrue((yield* Effect.promise(() => lstat(join(found, "lib", "libpq.so.5")))).isSymbolicLink())
    })
  )

  it.live("an ordinary user runs it as itself; root goes on with that user's data", () =>
    Effect.gen(function* () {
      const user = yield* postgresUser("/nowhere")
      if (user === undefined) return yield* Effect.die("root got no user")
      const dataDir = join(yield* tempDataDir, "mine")
      yield* Effect.promise(() => mkdir(dataDir))
      yield* Effect.promise(() => chown(dataDir, user.uid, user.gid))
      const options = { dataDir, postgres: true, nats: false, durable: false }
      const url = yield* Effect.scoped(
        Effect.gen(function* () {
          const served = yield* serve(options, { ...user, cwd: "/" })
          assert.isUndefined(served.message)
          yield* query(Redacted.make(served.databaseUrl ?? ""), "create table kept as select 1 as answer")
          return served.databaseUrl
        })
      )
      const server = yield* startPostgres(options)
      assert.strictEqual(Redacted.value(server.url), url)
      assert.deepStrictEqual(yield* query(server.url, "select answer from kept"), [{ answer: 1 }])
    })
  )
})
