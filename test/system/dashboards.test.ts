import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { alertRules } from "../../src/ops/alertRules.ts"
import { metricLines } from "../../src/ops/metricTable.ts"
import { hasPrometheus, promtool, skippedWithout } from "../support/promtool.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { startPrometheus } from "../support/servers/Prometheus.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

skippedWithout("a real Prometheus asks a real pipeline what the dashboards ask")

const folder = new URL("../../deploy/grafana/dashboards/", import.meta.url)

interface PanelQuery {
  readonly panel: string
  readonly expr: string
}

const queriesOf = (name: string): ReadonlyArray<PanelQuery> => {
  const dashboard: unknown = JSON.parse(readFileSync(new URL(name, folder), "utf8"))
  const panels = at(dashboard, "panels")
  return (Array.isArray(panels) ? panels : []).flatMap((panel: unknown) => {
    const targets = at(panel, "targets")
    return (Array.isArray(targets) ? targets : []).map((target: unknown) => ({
      panel: `${name}: ${String(at(panel, "title"))}`,
      expr: String(at(target, "expr")).replaceAll("$handler", ".+")
    }))
  })
}

const queries = readdirSync(folder).flatMap(queriesOf)

const token = "a token of sixteen letters"

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("dashboards and alert rules", (it) => {
  it.effect("name metrics that there are", () =>
    Effect.sync(() => {
      const known = new Set(
        metricLines.flatMap(({ name, type }) =>
          type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
        )
      )
      const asked = [...queries.map(({ expr }) => expr), ...alertRules.map(({ expr }) => expr)]
      assert.isAbove(asked.length, 60)
      const unknown = asked.flatMap((expr) => expr.match(/millrace_\w+/g) ?? []).filter((name) => !known.has(name))
      assert.deepStrictEqual(unknown, [])
    })
  )

  it.effect.skipIf(!hasPrometheus)(
    "every panel shows something of a real pipeline, whose metrics take the token",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* TestServers
        const push = yield* pushReceiver
        push.refuse((body) => (at(body, "userId") === "bad" ? 422 : undefined))
        const pipeline = yield* startPipeline({ ...environment, PUSH_WEBHOOK_URL: push.url, OPS_TOKEN: token })
        assert.strictEqual((yield* call(pipeline.url, "GET", "/metrics")).status, 401)
        const prometheus = yield* startPrometheus([pipeline.url], token)
        const shop = shopAt(pipeline.url)
        yield* shop.setStock("lamp", 1_000)
        const order = Effect.fnUntraced(function* (userId: string, orderId: string) {
          yield* shop.create({ orderId, userId })
          yield* shop.pay(orderId)
        })
        yield* order("bad", "bad-1")
        const isTold = (expr: string) => Effect.map(prometheus.query(expr), (found) => found.length > 0)
        yield* eventually("the parked key", isTold(`millrace_parked_keys{handler="push"} == 1`))
        // Rates are of what changes between two scrapes.
        for (let i = 0; i < 4; i++) {
          yield* order("ada", `ada-${i}`)
          yield* Effect.sleep("1 second")
        }
        const own = (yield* call(pipeline.url, "GET", "/metrics", { headers: { authorization: `Bearer ${token}` } }))
          .text
        assert.match(own, /^process_resident_memory_bytes [1-9]\d{7,}$/m)
        const { code, said } = promtool(["check", "metrics"], own)
        assert.deepStrictEqual({ code, said }, { code: 0, said: "" })
        yield* eventually("all of it", isTold(`millrace_events_handled_total{handler="points"} == 5`))
        for (const { expr, panel } of queries) {
          const found = yield* prometheus.query(expr)
          assert.isNotEmpty(found, `${panel}: ${expr}`)
        }
        for (const { expr, name } of alertRules) {
          assert.isDefined(yield* prometheus.query(expr), name)
        }
      }),
    60_000
  )
})
