import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { at } from "../support/servers/Http.ts"
import { pgBouncerProgram, startPgBouncer } from "../support/servers/PgBouncer.ts"
import { eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 200, rate: 40 }

const readableDirectory = Effect.acquireRelease(
  Effect.promise(async () => {
    const directory = await fs.mkdtemp(join(tmpdir(), "millrace-pgbouncer-"))
    await fs.chmod(directory, 0o755)
    return directory
  }),
  (directory) => Effect.promise(() => fs.rm(directory, { recursive: true, force: true }))
)

if (pgBouncerProgram === undefined) process.stdout.write("skipped: no pgbouncer (apt-get install pgbouncer)\n")

describe.skipIf(pgBouncerProgram === undefined)("behind PgBouncer in transaction mode", () => {
  it.live(
    "refuses to start without the session limits, says what to run, and then holds with two instances and a kill",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        const pooledUrl = yield* startPgBouncer(
          pgBouncerProgram ?? "",
          yield* readableDirectory,
          environment.DATABASE_URL
        )
        const pooled = { ...environment, DATABASE_URL: pooledUrl, DATABASE_POOLING: "transaction" }
        const refused = yield* runApp(["pipeline"], pooled)
        assert.notStrictEqual(refused.code, 0)
        const remedies = [...refused.stderr.matchAll(/ALTER ROLE [^;]+;/g)].map(([sql]) => sql)
        assert.lengthOf(remedies, 3, refused.stderr)
        for (const sql of remedies) yield* query(databaseUrl, sql)
        // Sessions that the pooler holds already are older than that.
        yield* query(
          databaseUrl,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        const api = yield* startPipeline({ ...pooled, ROLE: "api" })
        const killed = yield* startPipeline({ ...pooled, ROLE: "relay,worker" })
        yield* startPipeline({ ...pooled, ROLE: "relay,worker" })
        const simulation = yield* Effect.forkChild(simulateInOrder(api.url, load))
        yield* Effect.sleep("4 seconds")
        yield* killed.signal("SIGKILL")
        yield* Fiber.join(simulation)
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        const [sessions] = yield* query(
          databaseUrl,
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        assert.isAtMost(Number(at(sessions, "n")), 9, "the pooler's sessions, and the one that asks")
      }),
    120_000
  )
})
