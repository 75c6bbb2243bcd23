import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Option, type Redacted, Schema } from "effect"
import { Command } from "effect/cli"
import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { auditPath } from "../../ops/OpsHttp.ts"
import { type AuditReport, runAudit } from "../../pipeline/Audit.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { pipelineInfra } from "../AppLayer.ts"
import { Orders } from "../orders/Orders.ts"
import { urlFlag } from "./ApiClient.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { tokenFlag, withToken } from "./OpsClient.ts"
import { outputFlag, print, say } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"
import { reasonOf } from "./reasonOf.ts"
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
  handlers: Schema.Array(Schema.Struct({ name: Schema.String, ...Balance, orderViolations: Schema.Int })),
  partitions: Schema.Array(
    Schema.Struct({ partition: Schema.Int, committed: Schema.Int, published: Schema.Int, ...Balance })
  ),
  faultCount: Schema.Int,
  faults: Schema.Array(
    Schema.Struct({ kind: Schema.String, handler: Schema.String, key: Schema.String, version: Schema.Int })
  )
})
type AuditBody = typeof AuditBody.Type

type Token = Option.Option<Redacted.Redacted>

/** `pnpm start audit`. */
export const auditCommand = Command.make(
  "audit",
  { url: urlFlag, token: tokenFlag, output: outputFlag, settings: settingFlags },
  Effect.fnUntraced(function* ({ output, settings, token, url }) {
    const config = yield* configFrom(settings)
    const report = yield* reportFor(config, url, token)
    yield* print(output, report, textOf(report))
    if (!report.ok) return yield* new ExitWith({ code: exitCode.orderViolated })
  })
).pipe(
  Command.withDescription(
    "Counts everything: committed = published + waiting, published = handled + parked + discarded + in flight for each handler, and compares it with every event in the stream. Asks the pipeline that runs at --url; without one, the servers themselves. Exits 11 when it does not add up."
  ),
  Command.withShortDescription("Whether committed = published = handled + parked + in flight"),
  Command.withExamples([
    { command: "pnpm start audit", description: "While the pipeline runs, or after" },
    { command: "pnpm start audit --output json", description: "For scripts" }
  ])
)

/** Named servers are asked themselves; else the running pipeline, whose embedded servers nobody else may use; else those. */
const reportFor = Effect.fnUntraced(function* (config: AppConfigValues, url: string, token: Token) {
  if (Option.isSome(config.databaseUrl) && Option.isSome(config.natsUrl)) return yield* audited(config)
  const running = yield* askRunning(url, token)
  return Option.isSome(running) ? running.value : yield* audited(config)
})

/** What the running pipeline says; nothing when none runs there. */
const askRunning = (url: string, token: Token) =>
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

const audited = (config: AppConfigValues): Effect.Effect<AuditReport, CommandFailed> =>
  runAudit(Orders.name).pipe(
    Effect.provide(pipelineInfra(config, say)),
    Effect.mapError((error) => new CommandFailed({ message: `no audit: ${reasonOf(error)}`, code: exitCode.failure }))
  )

/** One line that says it all, a row per handler, and the first faults by name. */
export const textOf = (report: AuditReport | AuditBody): string => {
  const { again, committed, faultCount, faults, handlers, published, waiting } = report
  const verdict = report.ok ? "it adds up" : `${faultCount} FAULTS`
  return [
    `${verdict}: ${committed} committed = ${published} published + ${waiting} waiting`,
    ...(again === 0 ? [] : [`${again} of them the broker lost; they are kept, and are published again`]),
    "",
    table([
      ["handler", "handled", "parked", "discarded", "in flight", "order violations"],
      ...handlers.map((one) => [one.name, one.handled, one.parked, one.discarded, one.inFlight, one.orderViolations])
    ]),
    ...faults.map(
      ({ handler, key, kind, version }) =>
        `  ${kind}: key ${JSON.stringify(key)}, version ${version}${handler === "" ? "" : `, handler ${handler}`}`
    )
  ].join("\n")
}
