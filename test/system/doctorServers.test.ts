/** What the doctor sees of a cluster, and of a pooler. */
import { spawn } from "node:child_process"
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { findNatsServer } from "../../src/infra/embedded/NatsBinary.ts"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { query } from "../infra/embedded/Clients.ts"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { doctor, expectIn } from "../support/servers/DoctorRun.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { startCluster } from "../support/servers/NatsCluster.ts"
import { pgBouncerProgram, startPgBouncer } from "../support/servers/PgBouncer.ts"
import { freePort, startServers } from "../support/servers/TestServers.ts"

/** Servers and processes one after the other, on machines that are busy. */
const slowly = 120_000

describe("a nats-server that does not let its user in everywhere", () => {
  it.live(
    "is told apart from one that is away: the subject is named, and one reason is one line",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        const directory = yield* tempDataDir
        const port = yield* freePort
        const file = join(directory, "nats.conf")
        const user = `{ user: "a", password: "b", permissions: { publish: { deny: ["$JS.API.>"] } } }`
        const config = [
          `listen: "127.0.0.1:${port}"`,
          `jetstream { store_dir: ${JSON.stringify(join(directory, "js"))} }`,
          `authorization { users: [ ${user} ] }`
        ]
        yield* Effect.promise(() => fs.writeFile(file, config.join("\n")))
        const program = yield* Effect.orDie(findNatsServer(() => Effect.void))
        yield* Effect.acquireRelease(
          Effect.sync(() => spawn(program, ["-c", file], { stdio: "ignore" })),
          (child) => Effect.sync(() => void child.kill("SIGKILL"))
        )
        const refused = { ...environment, NATS_URL: `nats://a:b@127.0.0.1:${port}` }
        yield* eventually(
          "a server that answers",
          Effect.map(doctor(refused), ({ found }) => found.get("nats")?.status === "ok")
        )
        const { found } = yield* doctor(refused)
        expectIn(
          found,
          "jetstream",
          "failed",
          /Permissions Violation for Publish to "\$JS.API.INFO"/,
          /publish to \$JS.API.>/
        )
        const { code, stdout } = yield* runApp(["doctor"], { ...refused, PORT: "0" })
        assert.strictEqual(code, 10)
        assert.match(
          stdout,
          /^FAILED +stream drift .*\n +so with duplicate window, replicas, stream size, nats clock\n/m
        )
        assert.strictEqual(stdout.match(/STREAM.INFO/g)?.length, 2)
      }),
    slowly
  )
})

const readableDirectory = Effect.acquireRelease(
  Effect.promise(async () => {
    const directory = await fs.mkdtemp(join(tmpdir(), "millrace-pgbouncer-"))
    await fs.chmod(directory, 0o755)
    return directory
  }),
  (directory) => Effect.promise(() => fs.rm(directory, { recursive: true, force: true }))
)

describe("a cluster", () => {
  it.live(
    "a copy of the stream that is away is named; nothing has stopped yet",
    () =>
      Effect.gen(function* () {
        const { databaseUrl } = yield* startServers(false)
        const { nodes, url } = yield* startCluster()
        const environment = { DATABASE_URL: Redacted.value(databaseUrl), NATS_URL: url, STREAM_REPLICAS: "3" }
        yield* startPipeline(environment)
        const replicas = Effect.map(doctor(environment), ({ found }) => found.get("replicas"))
        yield* eventually(
          "three copies",
          Effect.map(replicas, (finding) => /^3 copies, led by n\d$/.test(finding?.detail ?? "")),
          60
        )
        // Not the one that leads, or another has to be found first.
        const leader = ((yield* replicas)?.detail ?? "").slice(-2)
        const other = nodes.find(({ name }) => name !== leader)
        yield* other?.kill ?? Effect.die(new Error("no other node"))
        yield* eventually(
          "a copy that is away",
          Effect.map(
            replicas,
            (finding) => finding?.status === "warning" && finding.detail.includes(other?.name ?? "?")
          ),
          60
        )
        const away = yield* replicas
        assert.match(away?.detail ?? "", /is away|behind/)
        assert.match(away?.remedy ?? "", /one more that fails stops the stream/)
        assert.strictEqual((yield* doctor(environment)).found.get("nats durability")?.status, "ok")
      }),
    slowly
  )
})

describe.skipIf(pgBouncerProgram === undefined)("a pooler in transaction mode", () => {
  it.live(
    "is found, told apart from sessions of our own, and the statements it needs are given",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        expectIn((yield* doctor(environment)).found, "pooler", "ok", /sessions are ours/, /^$/)
        const url = yield* startPgBouncer(pgBouncerProgram ?? "", yield* readableDirectory, environment.DATABASE_URL)
        const pooled = { ...environment, DATABASE_URL: url }
        const unsaid = yield* doctor(pooled)
        assert.strictEqual(unsaid.code, 10)
        expectIn(unsaid.found, "pooler", "failed", /a pooler .* stands before Postgres/, /DATABASE_POOLING=transaction/)
        const said = { ...pooled, DATABASE_POOLING: "transaction" }
        const limits = (yield* doctor(said)).found.get("pooler")
        assert.strictEqual(limits?.status, "failed")
        const statements = [...(limits?.remedy ?? "").matchAll(/ALTER ROLE [^;]+;/g)].map(([sql]) => sql)
        assert.lengthOf(statements, 3)
        for (const sql of statements) yield* query(databaseUrl, sql)
        yield* query(
          databaseUrl,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        expectIn((yield* doctor(said)).found, "pooler", "ok", /lent for a transaction/, /^$/)
      }),
    slowly
  )
})
