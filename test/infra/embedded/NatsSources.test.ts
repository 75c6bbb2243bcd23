import { chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { findNatsServer } from "../../../src/infra/embedded/NatsBinary.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import { serve } from "./Serving.ts"

const program = Effect.fnUntraced(function* (version: string) {
  const directory = yield* tempDataDir
  const path = join(directory, "nats-server")
  yield* Effect.promise(() => writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`))
  yield* Effect.promise(() => chmod(path, 0o755))
  return { directory, path }
})

const find = Effect.fnUntraced(function* (env: Record<string, string>) {
  const lines: Array<string> = []
  const onProgress = (line: string) => Effect.sync(() => void lines.push(line))
  const path = yield* findNatsServer(onProgress).pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
  )
  return { path, lines }
})

it.live("NATS_SERVER_BIN comes before PATH, and nothing is said", () =>
  Effect.gen(function* () {
    const named = yield* program("2.14.0")
    const onPath = yield* program("2.15.1")
    const found = yield* find({ NATS_SERVER_BIN: named.path, PATH: onPath.directory })
    assert.deepStrictEqual(found, { path: named.path, lines: [] })
  })
)

it.live("one that is too old or does not run is said to be so and skipped", () =>
  Effect.gen(function* () {
    const old = yield* program("2.9.10")
    const onPath = yield* program("2.15.1")
    const found = yield* find({ NATS_SERVER_BIN: "/nowhere/nats-server", PATH: `${old.directory}:${onPath.directory}` })
    assert.strictEqual(found.path, onPath.path)
    assert.include(found.lines[0], "NATS_SERVER_BIN")
    const tooOld = yield* find({ NATS_SERVER_BIN: old.path, PATH: onPath.directory })
    assert.include(tooOld.lines[0], `${old.path} is 2.9.10, which is too old; 2.14.0 is needed`)
  })
)

it.live("when all sources fail the error lists them and the remedies", () =>
  Effect.gen(function* () {
    const dataDir = yield* tempDataDir
    // No apt-get on PATH; Node is called by its own path.
    const env = { PATH: dataDir, HOME: dataDir, XDG_CACHE_HOME: join(dataDir, "cache"), NODE_NO_WARNINGS: "1" }
    const report = yield* serve({ dataDir, postgres: false, nats: true }, { env })
    assert.strictEqual(report.error, "NatsServerMissing")
    for (const word of [
      "NATS_SERVER_BIN",
      "PATH",
      "the cache",
      "release",
      "Debian",
      "NATS_URL",
      "compose",
      "--memory"
    ]) {
      assert.include(report.message, word)
    }
  })
)
