import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const versionsOf = (pushes: ReadonlyArray<{ readonly body: unknown }>, userId: string) =>
  pushes.filter(({ body }) => at(body, "userId") === userId).map(({ body }) => at(body, "version"))

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("a key whose push is refused", (it) => {
  it.effect(
    "is shown, edited, replayed in order, skipped and discarded from the command line; the books balance throughout",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* TestServers
        const push = yield* pushReceiver
        push.refuse((body) => (at(body, "userId") === "bad" ? 422 : undefined))
        const { url } = yield* startPipeline({ ...environment, PUSH_WEBHOOK_URL: push.url })
        const shop = shopAt(url)
        const cli = (...args: ReadonlyArray<string>) => runApp([...args, "--url", url])
        yield* shop.setStock("lamp", 100)
        for (const [userId, orderId] of [
          ["bad", "b-1"],
          ["good", "g-1"]
        ]) {
          yield* shop.create({ orderId, userId })
          yield* shop.pay(orderId ?? "")
          yield* shop.ship(orderId ?? "")
        }
        yield* eventually(
          "the good key's pushes",
          Effect.sync(() => versionsOf(push.pushes, "good").length === 3)
        )
        yield* eventually(
          "all three of the bad key put aside",
          Effect.map(shop.show("b-1"), ({ json }) => at(json, "parked", 0, "events") === 3)
        )
        const shown = (yield* shop.show("b-1", "?consistent=true")).json
        assert.deepStrictEqual(
          [at(shown, "parked", 0, "handler"), at(shown, "parked", 0, "reason"), at(shown, "parked", 0, "status")],
          ["push", "PushRejected", "parked"]
        )
        assert.isUndefined(at((yield* shop.show("g-1")).json, "parked"))

        const listed = yield* cli("parked", "list", "-o", "json")
        assert.strictEqual(listed.code, 12)
        assert.strictEqual(at(JSON.parse(listed.stdout), "keys", 0, "key"), "bad")
        const detail = yield* cli("parked", "show", "push", "bad")
        assert.match(detail.stdout, /PushRejected: the receiver answered 422/)
        assert.match(detail.stdout, /^ {2}1 {2}created {2}\{"_tag":"OrderCreated"/m)
        const json: unknown = JSON.parse((yield* cli("parked", "show", "push", "bad", "-o", "json")).stdout)
        const payload = String(at(json, "events", 0, "payload"))

        const wrong = yield* cli("parked", "edit", "push", "bad", "1", "--payload", `{"_tag":"OrderCreated"}`)
        assert.strictEqual(wrong.code, 1)
        assert.match(wrong.stderr, /payload\.payload: /)
        const others = payload.replace(`"userId":"bad"`, `"userId":"good"`)
        assert.match((yield* cli("parked", "edit", "push", "bad", "1", "--payload", others)).stderr, /its key would be/)
        const better = payload.replace("ada@example.com", "bad@example.com")
        const dry = yield* cli("parked", "edit", "push", "bad", "1", "--payload", better, "--dry-run")
        assert.match(dry.stdout, /"path":"\/email".*\n[^]*nothing was changed/)
        const edited = yield* cli("parked", "edit", "push", "bad", "1", "--payload", better, "--why", "typo")
        assert.strictEqual(edited.code, 0, edited.stderr)

        // It fails again, and is parked again as it was.
        yield* cli("parked", "replay", "--all")
        yield* eventually(
          "parked again",
          Effect.map(cli("parked", "show", "push", "bad", "-o", "json"), ({ stdout }) => {
            const again: unknown = JSON.parse(stdout)
            return at(again, "parked", "status") === "parked" && at(again, "parked", "generation") === 2
          })
        )
        const rehearsed = yield* cli("parked", "replay", "--all", "--dry-run")
        assert.match(rehearsed.stdout, /replay would be done to 1 keys/)
        push.refuse(() => undefined)
        yield* shop.create({ orderId: "b-2", userId: "bad" })
        const replayed = yield* cli("parked", "replay", "--handler", "push", "--why", "mended")
        assert.match(replayed.stdout, /replay: 1 of 1 keys/)
        yield* eventually(
          "everything of the bad key",
          Effect.sync(() => versionsOf(push.pushes, "bad").length === 4)
        )
        assert.deepStrictEqual(versionsOf(push.pushes, "bad"), [1, 2, 3, 4])
        const first = push.pushes.find(({ body }) => at(body, "userId") === "bad")
        assert.match(String(first?.headers["idempotency-key"]), /:3$/)
        assert.strictEqual((yield* cli("parked", "list", "--retrying")).code, 0)
        assert.isUndefined(at((yield* shop.show("b-2")).json, "parked"))

        // One event is given up, then all of a key.
        push.refuse((body) => (at(body, "userId") === "bad" ? 422 : undefined))
        yield* shop.pay("b-2")
        yield* shop.ship("b-2")
        yield* eventually(
          "parked once more",
          Effect.map(shop.show("b-2"), ({ json: body }) => at(body, "parked", 0, "events") === 2)
        )
        push.refuse(() => undefined)
        yield* cli("parked", "skip", "--key", "bad")
        yield* eventually(
          "what was behind the skipped event",
          Effect.sync(() => versionsOf(push.pushes, "bad").length === 5)
        )
        assert.strictEqual(versionsOf(push.pushes, "bad").at(-1), 6)
        assert.strictEqual((yield* cli("parked", "discard", "--all")).code, 2)
        const audit = yield* cli("audit", "-o", "json")
        assert.strictEqual(audit.code, 0, audit.stdout)
        const report: unknown = JSON.parse(audit.stdout)
        const handlers = [0, 1, 2, 3].map((i) => at(report, "handlers", i))
        const pushes = handlers.find((one) => at(one, "name") === "push")
        assert.deepStrictEqual(
          ["handled", "parked", "discarded", "inFlight"].map((one) => at(pushes, one)),
          [8, 0, 1, 0]
        )
      }),
    120_000
  )

  it.effect("operations are for this machine, or for whoever has the token", () =>
    Effect.gen(function* () {
      const { url } = yield* startPipeline({ OPS_TOKEN: "a-token-of-some-length" }, ["--memory"])
      const asked = (headers: Readonly<Record<string, string>>) =>
        Effect.map(call(url, "GET", "/ops/parked", { headers }), ({ status }) => status)
      assert.strictEqual(yield* asked({}), 401)
      assert.strictEqual(yield* asked({ authorization: "Bearer a-token-of-some-lengtH" }), 401)
      assert.strictEqual(yield* asked({ authorization: "Bearer a-token-of-some-length" }), 200)
      assert.strictEqual((yield* call(url, "GET", "/health")).status, 200)
      const without = yield* runApp(["parked", "list", "--url", url])
      assert.deepStrictEqual([without.code, without.stdout], [1, ""])
      assert.include(without.stderr, "OPS_TOKEN")
      const within = yield* runApp(["parked", "list", "--url", url], { OPS_TOKEN: "a-token-of-some-length" })
      assert.strictEqual(within.stdout, "nothing is parked\n")
      assert.strictEqual((yield* runApp(["audit", "--url", url], { OPS_TOKEN: "a-token-of-some-length" })).code, 0)
      const open = yield* startPipeline({}, ["--memory"])
      // However the address is written, and whoever leads a browser here.
      for (const path of ["//ops/audit", "/OPS/audit", "/%6fps/audit", "/ops//audit", "/ops/parked"]) {
        assert.notStrictEqual((yield* call(url, "GET", path)).status, 200, path)
        const foreign = yield* call(open.url, "GET", path, { headers: { host: "shop.example" } })
        assert.notStrictEqual(foreign.status, 200, path)
      }
      const act = { raw: `{"act":"discard","filter":{},"actor":"eve","why":"x"}` }
      for (const headers of [
        { origin: "http://shop.example" },
        { "sec-fetch-site": "cross-site" },
        { "x-forwarded-for": "10.0.0.7" }
      ])
        assert.strictEqual((yield* call(open.url, "POST", "/ops/parked/act", { ...act, headers })).status, 403)
      const own = { ...act, headers: { "content-type": "application/json" } }
      assert.strictEqual((yield* call(open.url, "POST", "/ops/parked/act", own)).status, 200)
      assert.strictEqual((yield* call(open.url, "GET", "/health", { headers: { host: "shop.example" } })).status, 200)
    })
  )
})
