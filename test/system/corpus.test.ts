import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { startServers } from "../support/servers/TestServers.ts"

describe("corpus on servers that are named", () => {
  it.live(
    "records from the broker, with nobody running, and what is recorded reads",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "millrace-corpus-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
        )
        const pipeline = yield* startPipeline(environment)
        const shop = shopAt(pipeline.url)
        yield* shop.setStock("lamp", 10)
        yield* shop.create({ orderId: "o-1" })
        yield* shop.pay("o-1")
        yield* shop.ship("o-1")
        yield* shop.shows("o-1", "shipped")
        yield* pipeline.signal("SIGTERM")
        yield* pipeline.exited
        const file = join(folder, "orders.jsonl")
        const recorded = yield* runApp(["corpus", "record", "--to", file, "-o", "json"], environment)
        assert.strictEqual(recorded.code, 0, recorded.stderr)
        assert.deepStrictEqual(
          readFileSync(file, "utf8")
            .split("\n")
            .map((line) => /"type":"(\w+)","schemaVersion":1/.exec(line)?.[1]),
          ["created", "paid", "shipped", undefined]
        )
        assert.deepStrictEqual(JSON.parse(recorded.stdout).untried, [])
      }),
    60_000
  )
})
