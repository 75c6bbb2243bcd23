import { NodeHttpClient } from "@effect/platform-node"
import { Effect, type Option, type Redacted, Schema } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { auditPath } from "../../ops/OpsHttp.ts"
import type { AuditReport } from "../../pipeline/Audit.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"
import { withToken } from "./OpsClient.ts"
import { table } from "./Table.ts"

const Balance = { handled: Schema.Int, parked: Schema.Int, discarded: Schema.Int, inFlight: Schema.Int }

/** An audit as it travels. */
export const AuditBody = Schema.Struct({
  ok: Schema.Boolean,
  stream: Schema.String,
  committed: Schema.Int,
  published: Schema.Int,
  waiting: Schema.Int,
  again: Schema.Int,
  inStream: Schema.Int,
  handlers: Schema.Array(
    Schema.Struct({ name: Schema.String, ...Balance, orderViolations: Schema.Int, acknowledgedViolations: Schema.Int })
  ),
  partitions: Schema.Array(
    Schema.Struct({ partition: Schema.Int, committed: Schema.Int, published: Schema.Int, ...Balance })
  ),
  faultCount: Schema.Int,
  faults: Schema.Array(
    Schema.Struct({ kind: Schema.String, handler: Schema.String, key: Schema.String, version: Schema.Int })
  )
})
export type AuditBody = typeof AuditBody.Type

type Token = Option.Option<Redacted.Redacted>

/** What the running pipeline says; nothing when none runs there. */
export const askRunning = (url: string, token: Token) =>
  HttpClient.execute(withToken(token)(HttpClientRequest.get(`${url.replace(/\/$/, "")}${auditPath}`))).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.flatMap(HttpClientResponse.schemaBodyJson(AuditBody)),
    Effect.asSome,
    Effect.catch((error) =>
      error instanceof HttpClientError.HttpClientError && error.reason._tag === "TransportError"
        ? Effect.succeedNone
        : Effect.fail(
            new CommandFailed({
              message: `the pipeline at ${url} cannot be audited now: ${error.message}`,
              code: exitCode.failure
            })
          )
    ),
    Effect.provide(NodeHttpClient.layerUndici)
  )

/** An audit in words: one line that says it all, a row per handler, and the first faults by name. */
export const textOf = (report: AuditReport | AuditBody): string => {
  const { again, committed, faultCount, faults, handlers, published, waiting } = report
  const verdict = report.ok ? "it adds up" : `${faultCount} FAULTS`
  return [
    `${verdict}: ${committed} committed = ${published} published + ${waiting} waiting`,
    ...(again === 0 ? [] : [`${again} of them the broker lost; they are kept, and are published again`]),
    "",
    table([
      ["handler", "handled", "parked", "discarded", "in flight", "order violations"],
      ...handlers.map((one) => [one.name, one.handled, one.parked, one.discarded, one.inFlight, violationsText(one)])
    ]),
    ...faults.map(
      ({ handler, key, kind, version }) =>
        `  ${kind}: key ${JSON.stringify(key)}, version ${version}${handler === "" ? "" : `, handler ${handler}`}`
    )
  ].join("\n")
}

/** What was acknowledged is no fault any more, and is not forgotten. */
const violationsText = ({ acknowledgedViolations, orderViolations }: AuditBody["handlers"][number]) =>
  acknowledgedViolations === 0 ? orderViolations : `${orderViolations} (${acknowledgedViolations} acknowledged)`
