import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { type Answer, at } from "../support/servers/Http.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const users = 8
const ordersEach = 15

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })(
  "database sessions that are killed",
  (it) => {
    it.effect(
      "again and again cost nobody more than a 503: nothing is parked, lost or done twice",
      () =>
        Effect.gen(function* () {
          const { databaseUrl, environment } = yield* TestServers
          const pipeline = yield* startPipeline(environment)
          const shop = shopAt(pipeline.url)
          yield* shop.setStock("lamp", users * ordersEach)
          const odd: Array<string> = []
          const insist = (attempt: Effect.Effect<Answer>, wanted: number) =>
            attempt.pipe(
              Effect.tap(({ status, text }) =>
                Effect.sync(() => (status === wanted || status === 503 ? 0 : odd.push(`${status} ${text}`)))
              ),
              Effect.repeat({ until: ({ status }) => status === wanted, schedule: Schedule.spaced("20 millis") }),
              Effect.timeout("20 seconds")
            )
          const killing = yield* query(
            databaseUrl,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace%'"
          ).pipe(Effect.repeat(Schedule.spaced("60 millis")), Effect.forkChild)
          const buy = Effect.fnUntraced(function* (user: number) {
            for (let n = 0; n < ordersEach; n++) {
              const orderId = `killed-${user}-${n}`
              yield* insist(shop.tryCreate({ orderId, userId: `user ${user}` }, `${orderId}-create`), 201)
              yield* insist(shop.tryPay(orderId, 4_999, `${orderId}-pay`), 200)
            }
          })
          yield* Effect.forEach(
            Array.from({ length: users }, (_, user) => user),
            buy,
            {
              concurrency: "unbounded",
              discard: true
            }
          )
          yield* Fiber.interrupt(killing)
          assert.deepStrictEqual(odd, [])
          // The last kill may still hit the first look.
          yield* eventually(
            "an empty stock",
            Effect.map(shop.stock("lamp"), (left) => left === 0)
          )
          for (let user = 0; user < users; user++) yield* shop.hasPoints(`user ${user}`, ordersEach * 100, 30)
          const counted = query(
            databaseUrl,
            `SELECT (SELECT count(*)::int FROM millrace.parked_event) AS parked,
             (SELECT count(*)::int FROM millrace.order_violation) AS violations,
             (SELECT count(*)::int FROM order_history) AS history`
          )
          const events = users * ordersEach * 2
          yield* eventually(
            "a history of every event",
            Effect.map(counted, ([now]) => Number(at(now, "history")) >= events)
          )
          assert.deepStrictEqual(yield* counted, [{ parked: 0, violations: 0, history: events }])
        }),
      90_000
    )
  }
)
