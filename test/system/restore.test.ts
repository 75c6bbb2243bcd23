/** What docs/operations.md says of backups, done. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { jetstreamManager } from "@nats-io/jetstream"
import { Effect, Redacted } from "effect"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { query, withNats } from "../infra/embedded/Clients.ts"
import { type Environment, runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 30, rate: 60 }

/** A pipeline for as long as a simulation takes, stopped in good order; what the audit said before. */
const runOnce = Effect.fnUntraced(function* (environment: Environment) {
  const pipeline = yield* startPipeline(environment)
  yield* simulateInOrder(pipeline.url, load)
  const audit = yield* runApp(["audit", "-o", "json"], { MILLRACE_URL: pipeline.url })
  assert.strictEqual(audit.code, 0, audit.stdout)
  yield* pipeline.signal("SIGTERM")
  assert.strictEqual(yield* pipeline.exited, 0)
  return JSON.parse(audit.stdout).committed
})

describe("a backup", () => {
  it.live(
    "of the embedded servers' folder, taken while nothing runs, goes on where it was",
    () =>
      Effect.gen(function* () {
        const original = join(yield* tempDataDir, "data")
        const copy = join(yield* tempDataDir, "data")
        const first = yield* runOnce({ DATA_DIR: original })
        // Owners and modes are part of it: Postgres runs as a user of its own when we are root.
        const { status, stderr } = spawnSync("cp", ["-aL", original, copy], { encoding: "utf8" })
        assert.strictEqual(status, 0, stderr)
        yield* runOnce({ DATA_DIR: original })
        const after = yield* runOnce({ DATA_DIR: copy })
        assert.strictEqual(after, first + eventsOf(load))
      }),
    120_000
  )

  it.live(
    "of the database alone goes on in order once the newer stream is removed",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment, natsUrl } = yield* startServers(false)
        const maintenance = Redacted.make(Redacted.value(databaseUrl).replace(/\/millrace$/, "/postgres"))
        yield* runOnce(environment)
        yield* query(maintenance, "CREATE DATABASE backup TEMPLATE millrace")
        yield* runOnce(environment)
        yield* withNats(Redacted.value(natsUrl), async (connection) => {
          const manager = await jetstreamManager(connection)
          await manager.streams.delete("ORDERS")
        })
        const restored = environment.DATABASE_URL.replace(/\/millrace$/, "/backup")
        yield* runOnce({ ...environment, DATABASE_URL: restored })
      }),
    120_000
  )
})
