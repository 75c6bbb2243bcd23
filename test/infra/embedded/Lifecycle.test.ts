import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { EmbeddedServers } from "../../../src/infra/embedded/EmbeddedServers.ts"
import { isAlive } from "../../../src/infra/embedded/HostProcess.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import { publish, query, storedMessages } from "./Clients.ts"
import { serve, untilGone } from "./Serving.ts"

const both = (dataDir: string) => ({ dataDir, postgres: true, nats: true, durable: false })

const parentOf = (pid: number): number =>
  Number(execFileSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }))

const allAlive = (pids: ReadonlyArray<number>) =>
  Effect.map(Effect.forEach(pids, isAlive), (alive) => !alive.includes(false))

describe("the servers of a process", () => {
  it.live("stop within seconds when it is killed, and nothing of them stays", () =>
    Effect.gen(function* () {
      const served = yield* serve(both(yield* tempDataDir))
      const guardians = served.pids.map(parentOf)
      assert.lengthOf(served.pids, 2)
      process.kill(served.pid, "SIGKILL")
      const took = yield* untilGone([...served.pids, ...guardians])
      assert.isBelow(Duration.toMillis(took), 5000)
    })
  )

  it.live("are not hit by a Ctrl-C in its terminal", () =>
    Effect.gen(function* () {
      const served = yield* serve(both(yield* tempDataDir))
      process.kill(-served.pid, "SIGINT")
      yield* Effect.sleep("500 millis")
      assert.isTrue(yield* allAlive([served.pid, ...served.pids]))
      yield* query(Redacted.make(served.databaseUrl ?? ""), "select 1")
    })
  )

  it.live("are waited for by the next one, which finds all that was confirmed", () =>
    Effect.gen(function* () {
      const dataDir = yield* tempDataDir
      const first = yield* serve(both(dataDir))
      yield* query(Redacted.make(first.databaseUrl ?? ""), "create table kept as select 7 as answer")
      yield* publish(first.natsUrl ?? "", "kept")
      process.kill(first.pid, "SIGKILL")
      const second = yield* serve(both(dataDir))
      assert.isUndefined(second.message)
      assert.strictEqual(second.databaseUrl, first.databaseUrl)
      assert.deepStrictEqual(yield* query(Redacted.make(second.databaseUrl ?? ""), "select answer from kept"), [
        { answer: 7 }
      ])
      assert.strictEqual(yield* storedMessages(second.natsUrl ?? ""), 1)
    })
  )

  it.live("stop with it even when their guardians were killed before", () =>
    Effect.gen(function* () {
      const dataDir = yield* tempDataDir
      const served = yield* serve({ ...both(dataDir), supervise: false })
      for (const pid of served.pids) process.kill(parentOf(pid), "SIGKILL")
      yield* untilGone(served.pids)
    })
  )

  it.live("are its own: a second process is refused at once and told whom to stop", () =>
    Effect.gen(function* () {
      const dataDir = yield* tempDataDir
      const first = yield* serve(both(dataDir))
      const error = yield* Effect.flip(Effect.provide(EmbeddedServers, EmbeddedServers.layer(both(dataDir))))
      assert.strictEqual(error._tag, "DataDirBusy")
      assert.include(error.message, `process ${first.pid}`)
      assert.include(error.message, "--data-dir")
      assert.isTrue(yield* allAlive(first.pids))
    })
  )
})
