import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { runApp, startMemoryPipeline } from "../support/servers/AppProcess.ts"
import { shopAt } from "../support/servers/Shop.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "millrace-corpus-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The package's own command, which knows no stream. */
const millrace = (...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["src/app/millrace.ts", "corpus", ...args], {
    encoding: "utf8"
  })
  return { status, stderr, stdout }
}

const shopStream = "./src/app/orders/Orders.ts#Orders"

describe("corpus", () => {
  it.live(
    "records what a running pipeline has, redacted, and check tells what no longer reads",
    () =>
      Effect.gen(function* () {
        const file = join(yield* folder, "orders.jsonl")
        const { url } = yield* startMemoryPipeline
        const record = (to: string) =>
          runApp(["corpus", "record", "--to", to, "--per-type", "4", "--redact", "email,userId", "--url", url])
        const none = yield* record(file)
        assert.deepStrictEqual([none.code, none.stderr.trim()], [1, "nothing to record: 0 events were looked at"])
        const shop = shopAt(url)
        yield* shop.setStock("lamp", 100)
        for (const orderId of ["o-1", "o-2", "o-3", "o-4", "o-5", "o-6"]) yield* shop.create({ orderId })
        yield* shop.pay("o-1")
        yield* shop.shows("o-1", "paid")
        const recorded = yield* record(file)
        assert.strictEqual(recorded.code, 0, recorded.stderr)
        assert.include(
          recorded.stdout,
          "5 of 7 events\n5 events are read\n  created 1: 4\n  paid 1: 1\nno event of: shipped 1"
        )
        const text = readFileSync(file, "utf8")
        assert.notInclude(text, "ada")
        assert.deepStrictEqual(
          text.split("\n").flatMap((line) => /"orderId":"(o-\d)".*"userId":"xxx"/.exec(line)?.[1] ?? []),
          ["o-1", "o-2", "o-5", "o-6", "o-1"]
        )
        assert.strictEqual((yield* runApp(["corpus", "check", file])).code, 0)

        const elsewhere = `${file}.2`
        const asked = ["--to", elsewhere, "--per-type", "4", "--redact", "email,userId", "--url", url]
        assert.strictEqual(millrace("record", "--stream", shopStream, ...asked).status, 0)
        assert.strictEqual(readFileSync(elsewhere, "utf8"), text)
        assert.include(millrace("check", "--stream", shopStream, file).stdout, "5 events are read")
        const wrong = millrace("check", "--stream", "./src/app/orders/Orders.ts#Order", file)
        assert.deepStrictEqual(
          [wrong.status, wrong.stderr.trim()],
          [
            2,
            "--stream ./src/app/orders/Orders.ts#Order: ./src/app/orders/Orders.ts exports no EventStream Order; it has Orders"
          ]
        )

        writeFileSync(file, text.replace('"amount"', '"cents"'))
        const checked = yield* runApp(["corpus", "check", file])
        assert.strictEqual(checked.code, 1)
        assert.include(checked.stdout, "1 of 5 events are not read any more")
        assert.include(checked.stdout, 'line 5, paid 1: SchemaError(Missing key at ["amount"])')
        const missing = yield* runApp(["corpus", "check", `${file}.none`])
        assert.strictEqual(missing.code, 1)
        assert.include(missing.stderr, `${file}.none: `)
        const unwritten = yield* record(join(file, "below"))
        assert.strictEqual(unwritten.code, 1)
      }),
    60_000
  )
})
