import { assert, layer } from "@effect/vitest"
import { Effect, Redacted, Schedule } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { query } from "../infra/embedded/Clients.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const fixture = join(import.meta.dirname, "../support/servers/fixtures/killer.ts")

/** The process, started again whenever it ends, until the scope ends. Counts its ends. */
const supervised = (environment: Readonly<Record<string, string>>, keys: string) => {
  const ends: Array<number> = []
  const once = (append: string) =>
    Effect.callback<void>((resume) => {
      const child = spawn(process.execPath, [fixture], {
        env: { ...process.env, ...environment, APPEND: append },
        stdio: ["ignore", "ignore", "inherit"]
      })
      child.once("exit", (code) => {
        ends.push(code ?? -1)
        resume(Effect.void)
      })
      return Effect.sync(() => void child.kill("SIGKILL"))
    })
  const forever = Effect.andThen(once(keys), Effect.repeat(once(""), Schedule.spaced("100 millis")))
  return Effect.as(Effect.forkScoped(forever), ends)
}

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })(
  "an event that ends its process",
  (it) => {
    it.effect(
      "is parked after its attempts, whatever kind of handler it meets; the process goes on, and nothing else is given up",
      () =>
        Effect.gen(function* () {
          const { environment } = yield* TestServers
          const folder = yield* Effect.acquireRelease(
            Effect.sync(() => mkdtempSync(join(tmpdir(), "millrace-killer-"))),
            (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
          )
          const file = join(folder, "done")
          const done = () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [])
          const url = Redacted.make(environment.DATABASE_URL ?? "")
          const look = `SELECT handler, key, reason_tag AS tag FROM millrace.parked_key WHERE stream = 'killers' ORDER BY handler`
          // Before the first start there are no tables.
          const parked = Effect.orElseSucceed(query(url, look), () => [])
          const innocent = Array.from({ length: 20 }, (_, i) => `key-${i}`)
          const keys = [...innocent.slice(0, 10), "transactional", "external", ...innocent.slice(10), "external"].join(
            ","
          )
          const ends = yield* supervised({ ...environment, DONE_FILE: file }, keys)
          yield* eventually(
            "both given up",
            Effect.map(parked, (rows) => rows.length === 2),
            90
          )
          yield* eventually(
            "everything else done",
            Effect.sync(() =>
              innocent.every((key) => ["transactional", "external"].every((h) => done().includes(`${h} ${key} 1`)))
            ),
            30
          )
          assert.deepStrictEqual(yield* parked, [
            { handler: "external", key: "external", tag: "ProcessEnded" },
            { handler: "transactional", key: "transactional", tag: "ProcessEnded" }
          ])
          // Three attempts each, and the process is up: it ends no more.
          assert.isAtMost(ends.length, 7, ends.join())
          const before = ends.length
          yield* Effect.sleep("4 seconds")
          assert.strictEqual(ends.length, before, "the process goes on")
          assert.isFalse(done().includes("external external 2"), "what is behind a parked event waits")
          assert.isTrue(done().includes("transactional external 2"))
        }),
      150_000
    )
  }
)
