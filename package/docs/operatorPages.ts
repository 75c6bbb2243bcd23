/** What operators rely on: alerts, exit codes, and the operations API. */
import { OpenApi } from "effect/http-api"
import { exitCode } from "../../src/app/cli/exitCodes.ts"
import { alertRules } from "../../src/ops/alertRules.ts"
import { OpsApi } from "../../src/ops/OpsApi.ts"
import { code, generated, type Page, table } from "./Page.ts"

/** A code that is added has to be told the meaning of, or this does not compile. */
export const exitMeanings: { readonly [Name in keyof typeof exitCode]: string } = {
  ok: "done",
  failure: "it failed: the message says what, why, and what to do",
  usage: "the command cannot be meant: a flag, an argument, a setting",
  unhealthy: "unhealthy: a check of the doctor failed, or an alert of severity critical fires",
  orderViolated: "an order was violated, or the books do not balance",
  parkedRemain: "parked keys remain",
  timedOut: "it was waited for, and did not come",
  interrupted: "interrupted"
}

export const exitTable = (): string =>
  table(
    ["exit code", "what it says"],
    Object.entries(exitMeanings).map(([name, meaning]) => [codeOf(name), meaning])
  )

const codeOf = (name: string) => String(Object.entries(exitCode).find(([own]) => own === name)?.[1] ?? "")

export const alertsPage = (): Page => {
  const rows = alertRules.map((rule) => [
    `[${rule.name}](../runbook.md#${rule.name.toLowerCase()})`,
    rule.severity,
    `${rule.comparison} ${rule.threshold.toLocaleString("en")} ${rule.unit}${rule.forSeconds === 0 ? "" : ` for ${rule.forSeconds} s`}`,
    rule.summary,
    code(rule.expr)
  ])
  const text = `# Alerts

${generated}

The gravest first. The console and \`pnpm start alerts --all\` show how each stands; \`deploy/prometheus/alerts.yml\` has the same rules for Prometheus. What each asks for is in the
[runbook](../runbook.md).

${table(["alert", "severity", "fires when it is", "what it says", "value in PromQL"], rows)}
`
  return { path: "docs/reference/alerts.md", text }
}

const methods = ["get", "put", "post", "delete", "patch"] as const

type Operation = OpenApi.OpenAPISpecOperation

export const operationsPage = (): Page => {
  const rows = Object.entries(OpenApi.fromApi(OpsApi).paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method]
      return operation === undefined ? [] : [rowOf(`${method.toUpperCase()} ${path}`, operation)]
    })
  )
  const text = `# The operations API

${generated}

Mounted by \`Ops.layer\` below its \`prefix\`; the contract is \`Ops.OpsApi\` of \`millrace/ops\`, for \`HttpApiClient.make\`. With a \`token\` callers send \`Authorization: Bearer …\`;
without one, only programs on this machine are answered. Failures are problem details (RFC 9457). Beside it: \`GET /metrics\`, \`GET /ops/audit\`, \`GET /ops/live\` where it is
listed, and the console at \`/console\`.

${table(["request", "what it does", "parameters", "answers"], rows)}
`
  return { path: "docs/reference/operations-api.md", text }
}

const rowOf = (request: string, operation: Operation) => [
  code(request),
  operation.summary ?? operation.description ?? "",
  parametersOf(operation),
  Object.keys(operation.responses).join(", ")
]

const parametersOf = ({ parameters, requestBody }: Operation) =>
  [
    ...parameters.map(({ in: place, name, required }) => `${code(name)}${place === "query" && !required ? "?" : ""}`),
    ...(requestBody === undefined ? [] : ["a JSON body"])
  ].join(", ")
