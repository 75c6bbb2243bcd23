import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { collector, type SentSpan } from "../support/servers/Collector.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { mailReceiver, pushReceiver, type ReceivedMail, silentReceiver } from "../support/servers/Receivers.ts"
import { orderOf, shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
const caller = "00f067aa0ba902b7"

const nextTo = (spans: ReadonlyArray<SentSpan>, name: string) =>
  spans.filter((span) => span.name === name && (span.traceId === trace || span.links.includes(trace)))

const mailOf = (mails: ReadonlyArray<ReceivedMail>, orderId: string) =>
  mails.find(({ headers }) => headers.get("subject")?.includes(orderId))

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("telemetry", (it) => {
  it.effect("one trace shows an order's whole way, from its request to mail and push; a stop sends what is left", () =>
    Effect.gen(function* () {
      const { environment } = yield* TestServers
      const otlp = yield* collector
      const mail = yield* mailReceiver
      const push = yield* pushReceiver
      push.refuse((body) => (at(body, "userId") === "bad" ? 422 : undefined))
      const pipeline = yield* startPipeline({
        ...environment,
        SMTP_URL: mail.url,
        PUSH_WEBHOOK_URL: push.url,
        OTLP_URL: otlp.url,
        OTLP_HEADERS: "x-tenant=shop, x-key = a=b",
        SERVICE_NAME: "shop",
        ENVIRONMENT: "test"
      })
      const shop = shopAt(pipeline.url)
      yield* shop.setStock("lamp", 10)
      // Its push is refused, which is worth a line in the log.
      yield* shop.create({ orderId: "refused", userId: "bad" })
      const created = yield* call(shop.url, "POST", "/orders", {
        json: orderOf({ orderId: "traced", userId: "tracy" }),
        headers: { traceparent: `00-${trace}-${caller}-01` }
      })
      assert.strictEqual(created.status, 201)
      yield* shop.shows("traced", "created")
      yield* eventually(
        "mail and push",
        Effect.sync(() => mail.mails.length === 2 && push.pushes.length === 1 && push.refused.length === 1)
      )
      yield* pipeline.signal("SIGTERM")
      assert.strictEqual(yield* pipeline.exited, 0)

      const spans = otlp.spans()
      const one = (name: string): SentSpan => {
        const [found, ...others] = nextTo(spans, name)
        assert.isDefined(found, `${name} among ${[...new Set(spans.map((span) => span.name))].join(", ")}`)
        assert.lengthOf(others, 0, name)
        return found
      }
      const request = one("POST /orders")
      const command = one("OrderCommands.execute")
      assert.deepStrictEqual([request.traceId, request.parentSpanId], [trace, caller])
      assert.deepStrictEqual([command.traceId, command.parentSpanId], [trace, request.spanId])
      for (const name of ["OrderCommands.commitGroup", "Outbox.append", "Relay.batch", "Handler.read-model"]) {
        // Another order may be in the same batch.
        assert.include(one(name).links, trace, name)
      }
      assert.deepStrictEqual([request.thread, one("Relay.batch").thread], ["main", "engine"])
      for (const [name, header] of [
        ["Handler.mail", mailOf(mail.mails, "traced")?.headers.get("traceparent")],
        ["Handler.push", push.pushes[0]?.headers["traceparent"]]
      ] as const) {
        const delivery = one(name)
        assert.deepStrictEqual([delivery.traceId, delivery.parentSpanId], [trace, command.spanId], name)
        assert.strictEqual(header, `00-${trace}-${delivery.spanId}-01`, name)
      }

      // Whoever only looks into the store makes no traces.
      assert.isEmpty(
        spans.filter(
          ({ name, parentSpanId }) => ["sql.transaction", "postgres"].includes(name) && parentSpanId === undefined
        )
      )
      assert.includeMembers(
        [...otlp.metrics()],
        ["millrace_events_handled_total", "millrace_latency_seconds", "millrace_outbox_events"]
      )
      assert.isTrue(
        otlp.logs().some((line) => line.includes("key parked for push")),
        otlp.logs().join("\n")
      )
      const names = otlp
        .resources()
        .map((resource) => [
          resource.get("service.name"),
          resource.get("deployment.environment.name"),
          resource.get("service.instance.id")
        ])
      assert.deepStrictEqual(names[0], ["shop", "test", pipeline.instanceId])
      assert.isTrue(otlp.headers().every((headers) => headers["x-tenant"] === "shop" && headers["x-key"] === "a=b"))
    })
  )

  it.effect("a collector that takes nothing delays neither orders nor, for long, a stop", () =>
    Effect.gen(function* () {
      const { environment } = yield* TestServers
      const silent = yield* silentReceiver
      const pipeline = yield* startPipeline({ ...environment, OTLP_URL: `http://127.0.0.1:${silent.port}` })
      const shop = shopAt(pipeline.url)
      yield* shop.setStock("lamp", 10)
      yield* shop.create({ orderId: "untold", userId: "untold" })
      yield* shop.shows("untold", "created", 5)
      yield* eventually(
        "something sent",
        Effect.sync(() => silent.connections() > 0)
      )
      yield* pipeline.signal("SIGTERM")
      assert.strictEqual(yield* pipeline.exited.pipe(Effect.timeout("15 seconds")), 0, pipeline.stderr())
    })
  )
})
