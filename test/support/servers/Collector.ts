/** The other end of OTLP: a real HTTP server that keeps what it is sent. */
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"
import { at } from "./Http.ts"

/** A span as it was sent, with the resource it came from. */
export interface SentSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  /** Traces it is linked to. */
  readonly links: ReadonlyArray<string>
  readonly attributes: ReadonlyMap<string, unknown>
  readonly thread: unknown
}

/** Takes traces, metrics and logs. `url` is what OTLP_URL is set to. */
export interface Collector {
  readonly url: string
  readonly spans: () => ReadonlyArray<SentSpan>
  /** Names of the metrics that were sent. */
  readonly metrics: () => ReadonlySet<string>
  /** Texts of the log records that were sent. */
  readonly logs: () => ReadonlyArray<string>
  readonly resources: () => ReadonlyArray<ReadonlyMap<string, unknown>>
  readonly headers: () => ReadonlyArray<IncomingHttpHeaders>
}

const list = (value: unknown, ...path: ReadonlyArray<string | number>): ReadonlyArray<unknown> => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

const attributesOf = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map(list(value, "attributes").map((one) => [String(at(one, "key")), Object.values(Object(at(one, "value")))[0]]))

const spansIn = (body: unknown): ReadonlyArray<SentSpan> =>
  list(body, "resourceSpans").flatMap((of) => {
    const thread = attributesOf(at(of, "resource")).get("thread.name")
    return list(of, "scopeSpans")
      .flatMap((scope) => list(scope, "spans"))
      .map((span) => ({
        name: String(at(span, "name")),
        traceId: String(at(span, "traceId")),
        spanId: String(at(span, "spanId")),
        parentSpanId: textOf(at(span, "parentSpanId")),
        links: list(span, "links").map((link) => String(at(link, "traceId"))),
        attributes: attributesOf(span),
        thread
      }))
  })

/** Takes what is sent until the scope ends. */
export const collector: Effect.Effect<Collector, never, Scope.Scope> = Effect.gen(function* () {
  const sent: Array<{ readonly path: string; readonly body: unknown; readonly headers: IncomingHttpHeaders }> = []
  const http = createServer((request, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (part: string) => (text += part))
    request.on("end", () => {
      sent.push({ path: request.url ?? "", body: JSON.parse(text), headers: request.headers })
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        http.close(() => resume(Effect.void))
        http.closeAllConnections()
      })
  )
  const address: AddressInfo | string | null = http.address()
  const of = (path: string) => sent.filter((one) => one.path === path).map((one) => one.body)
  const scoped = (path: string, ofResource: string, ofScope: string, items: string) =>
    of(path)
      .flatMap((body) => list(body, ofResource))
      .flatMap((resource) => list(resource, ofScope))
      .flatMap((scope) => list(scope, items))
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    spans: () => of("/v1/traces").flatMap(spansIn),
    metrics: () =>
      new Set(
        scoped("/v1/metrics", "resourceMetrics", "scopeMetrics", "metrics").map((one) => String(at(one, "name")))
      ),
    logs: () =>
      scoped("/v1/logs", "resourceLogs", "scopeLogs", "logRecords").map((one) => JSON.stringify(at(one, "body"))),
    resources: () =>
      of("/v1/traces")
        .flatMap((body) => list(body, "resourceSpans"))
        .map((one) => attributesOf(at(one, "resource"))),
    headers: () => sent.map((one) => one.headers)
  }
})
