import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { collector, type SentSpan } from "../support/servers/Collector.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { call } from "../support/servers/Http.ts"
import { mailReceiver, pushReceiver } from "../support/servers/Receivers.ts"
import { orderOf, shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
const caller = "00f067aa0ba902b7"

const nextTo = (spans: ReadonlyArray<SentSpan>, name: string) =>
  spans.filter((span) => span.name === name && (span.traceId === trace || span.links.includes(trace)))

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("telemetry", (it) => {
  it.effect("one trace shows an order's whole way, from its request to mail and push; a stop sends what is left", () =>
    Effect.gen(function* () {
      const { environment } = yield* TestServers
      const otlp = yield* collector
      const mail = yield* mailReceiver
      const push = yield* pushReceiver
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
      const created = yield* call(shop.url, "POST", "/orders", {
        json: orderOf({ orderId: "traced", userId: "tracy" }),
        headers: { traceparent: `00-${trace}-${caller}-01` }
      })
      assert.strictEqual(created.status, 201)
      yield* shop.shows("traced", "created")
      yield* eventually(
        "mail and push",
        Effect.sync(() => mail.mails.length === 1 && push.pushes.length === 1)
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
        assert.deepStrictEqual(one(name).links, [trace], name)
      }
      assert.deepStrictEqual([request.thread, one("Relay.batch").thread], ["main", "engine"])
      for (const [name, header] of [
        ["Handler.mail", mail.mails[0]?.headers.get("traceparent")],
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
})
