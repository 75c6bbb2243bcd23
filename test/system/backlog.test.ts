import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("a backlog beyond its limit", (it) => {
  it.effect(
    "turns commands away with 503 and Retry-After before anything is done, and lets them in once it has drained",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* TestServers
        const limited = { ...environment, BACKLOG_ROWS_MAX: "20" }
        const api = yield* startPipeline({ ...limited, ROLE: "api" })
        const shop = shopAt(api.url)
        yield* shop.setStock("lamp", 1_000)
        let taken = 0
        yield* eventually(
          "a refusal",
          Effect.gen(function* () {
            const answer = yield* shop.tryCreate({ orderId: `o-${taken}`, userId: `user-${taken}` })
            if (answer.status === 201) taken += 1
            if (answer.status === 201) return false
            assert.strictEqual(answer.status, 503, answer.text)
            assert.strictEqual(answer.headers["retry-after"], "1")
            assert.match(String(at(answer.json, "detail")), /events wait to be published/)
            return true
          })
        )
        assert.isAtLeast(taken, 20)
        assert.strictEqual(yield* shop.stock("lamp"), 1_000 - taken, "nothing was done")
        // Looking is always allowed.
        assert.strictEqual((yield* shop.show("o-0", "?consistent=true")).status, 200)
        yield* startPipeline({ ...limited, ROLE: "relay,worker" })
        yield* eventually(
          "commands are let in again",
          Effect.map(
            shop.tryCreate({ orderId: "late", userId: "late" }),
            ({ status }) => status === 201 || status === 409
          )
        )
        yield* shop.shows("late", "created")
        yield* shop.shows(`o-${taken - 1}`, "created")
      }),
    90_000
  )
})
