/** An order violation from its cause to its acknowledgement: what it stops, what it raises, what stays on record. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"
import { withNats } from "../infra/embedded/Clients.ts"

const foreignKey = "(not written by the relay)"

const slowly = 180_000

layer(TestServers.layer, { excludeTestServices: true, timeout: "90 seconds" })("an order violation", (it) => {
  it.effect(
    "counts until somebody acknowledges it, stays on record, and the next one counts again",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* TestServers
        const { url } = yield* startPipeline(environment)
        const shop = shopAt(url)
        yield* shop.setStock("lamp", 10)
        yield* shop.create({ orderId: "o-1" })
        const cli = (...args: ReadonlyArray<string>) => runApp(args, { MILLRACE_URL: url })
        const codeOf = (...args: ReadonlyArray<string>) => Effect.map(cli(...args), ({ code }) => code)
        const get = (path: string) => Effect.map(call(url, "GET", path), ({ json }) => json)
        const violate = withNats(environment.NATS_URL, async (connection) => {
          connection.publish("order.partition.0.created", "{}")
          await connection.flush()
        })
        const counted = (n: number) =>
          eventually(
            `${n} open violations`,
            Effect.map(get("/ops/overview"), (json) => at(json, "violations") === n)
          )
        const firing = Effect.map(get("/ops/overview"), (json) => {
          const alerts = at(json, "alerts")
          return Array.isArray(alerts) && alerts.some((one) => at(one, "name") === "OrderViolated" && at(one, "firing"))
        })

        assert.deepStrictEqual([yield* codeOf("violations", "list"), yield* codeOf("audit")], [0, 0])
        yield* violate
        // Each handler found it, the balanced one when it summed up.
        yield* counted(5)
        assert.isTrue(yield* firing)
        assert.deepStrictEqual([yield* codeOf("audit"), yield* codeOf("doctor")], [11, 10])
        const listed = yield* cli("violations", "list")
        assert.strictEqual(listed.code, 11)
        assert.match(listed.stdout, /^mail +\(not written by the relay\) +0 +\d+ .* 1 +open$/m)
        assert.match(listed.stdout, /\n5 open\n$/)

        const acknowledge = (handler: string, ...more: ReadonlyArray<string>) =>
          cli("violations", "acknowledge", handler, foreignKey, ...more)
        assert.strictEqual((yield* acknowledge("mail")).code, 2)
        const dry = yield* acknowledge("mail", "--why", "a test", "--dry-run")
        assert.match(dry.stdout, /^1 violation of .* for mail would be acknowledged/)
        yield* counted(5)
        for (const handler of ["analytics", "mail", "points", "push", "read-model"]) {
          const done = yield* acknowledge(handler, "--why", "a test")
          assert.match(done.stdout, /^acknowledged 1 violation of \(not written by the relay\)/)
          assert.include(done.stdout, `1 event of it stays parked: pnpm start parked show ${handler} '${foreignKey}'`)
        }
        assert.strictEqual((yield* acknowledge("mail", "--why", "again")).code, 1)

        yield* counted(0)
        assert.isFalse(yield* firing)
        assert.deepStrictEqual([yield* codeOf("violations", "list"), yield* codeOf("audit")], [0, 0])
        assert.strictEqual(yield* codeOf("parked", "list"), 12)
        assert.match((yield* cli("audit")).stdout, /^mail .*0 \(1 acknowledged\)$/m)
        assert.match((yield* cli("violations", "list", "--all")).stdout, /acknowledged by \S+@\S+: a test$/m)
        const activity = (yield* cli("activity")).stdout
        assert.include(activity, `$ pnpm start violations acknowledge mail '${foreignKey}' --why 'a test'`)

        yield* shop.create({ orderId: "o-2" })
        yield* violate
        yield* counted(5)
        assert.isTrue(yield* firing)
      }).pipe(Effect.scoped),
    slowly
  )

  it.effect("what is refused: no reason, nothing open, another site's page", () =>
    Effect.gen(function* () {
      const { environment } = yield* TestServers
      const { url } = yield* startPipeline(environment)
      const body = { handler: "mail", key: "nobody", actor: "eve", why: "to see" }
      const post = (json: object, headers: Readonly<Record<string, string>> = {}) =>
        Effect.map(call(url, "POST", "/ops/violations/acknowledge", { json, headers }), ({ status }) => status)
      assert.deepStrictEqual(
        [
          yield* post(body),
          yield* post({ ...body, why: "" }),
          yield* post({ ...body, actor: "" }),
          yield* post(body, { origin: "https://shop.example" })
        ],
        [404, 400, 400, 403]
      )
    }).pipe(Effect.scoped)
  )
})
