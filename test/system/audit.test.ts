import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { auditOf, settledAudit } from "../support/servers/Audit.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { startServers } from "../support/servers/TestServers.ts"

describe("audit", () => {
  it.live(
    "adds up while the pipeline runs and after; exits 11 and names the key when an event is gone",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        const pipeline = yield* startPipeline(environment)
        const shop = shopAt(pipeline.url)
        yield* shop.setStock("lamp", 10)
        for (const [orderId, userId] of [
          ["o-1", "ada"],
          ["o-2", "bob"],
          ["o-3", "ada"]
        ]) {
          yield* shop.create({ orderId, userId })
          yield* shop.pay(orderId ?? "")
        }
        assert.strictEqual(yield* settledAudit(environment), 6)
        // Without the servers' addresses the running pipeline is asked.
        const asked = yield* auditOf({}, ["--url", pipeline.url])
        assert.deepStrictEqual([asked.code, asked.report.published], [0, 6])
        yield* pipeline.signal("SIGINT")
        assert.strictEqual(yield* pipeline.exited, 0)

        yield* query(databaseUrl, "UPDATE millrace.progress SET version = 3 WHERE handler = 'push' AND key = 'ada'")
        const lost = yield* auditOf(environment)
        assert.strictEqual(lost.code, 11)
        assert.deepStrictEqual(lost.report.faults, [{ kind: "lost", handler: "push", key: "ada", version: 4 }])
        const text = yield* runApp(["audit"], environment)
        assert.include(text.stdout, 'lost: key "ada", version 4, handler push')
        assert.strictEqual(text.code, 11)
      }),
    60_000
  )
})
