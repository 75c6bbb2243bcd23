import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { claim } from "../../../src/infra/embedded/OwnerFile.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"

const claimFile = Effect.map(tempDataDir, (directory) => join(directory, "test.owner"))

const written = (path: string, owner: string) => Effect.promise(() => writeFile(path, owner))

it.live("a second owner is told the process id of the first", () =>
  Effect.gen(function* () {
    const path = yield* claimFile
    yield* claim(path)
    const error = yield* Effect.flip(Effect.scoped(claim(path)))
    assert.strictEqual(error._tag, "DataDirBusy")
    assert.include(error.message, `process ${process.pid}`)
  })
)

it.live("it is free again when the scope closes", () =>
  Effect.gen(function* () {
    const path = yield* claimFile
    yield* Effect.scoped(claim(path))
    yield* claim(path)
  })
)

it.live("a dead owner, a reused process id and a torn file are taken over", () =>
  Effect.gen(function* () {
    const path = yield* claimFile
    const stale = ['{"pid":4194305,"startTicks":"1"}', `{"pid":${process.ppid},"startTicks":"1"}`, '{"pid":']
    for (const owner of stale) {
      yield* written(path, owner)
      yield* Effect.scoped(claim(path))
    }
  })
)

it.live("of many that see a dead owner at the same time one wins", () =>
  Effect.gen(function* () {
    const path = yield* claimFile
    yield* written(path, '{"pid":4194305,"startTicks":"1"}')
    const claims = Array.from({ length: 10 }, () => Effect.result(claim(path)))
    const results = yield* Effect.all(claims, { concurrency: "unbounded" })
    assert.lengthOf(
      results.filter((result) => result._tag === "Success"),
      1
    )
  })
)
