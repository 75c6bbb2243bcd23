import { NodeHttpClient } from "@effect/platform-node"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { HttpClient, HttpClientResponse } from "effect/http"
import { diagnose, type Diagnosis } from "../../ops/Doctor.ts"
import { check, ok } from "../../pipeline/Check.ts"
import { serverChecks } from "../InfraLayer.ts"
import { urlFlag } from "./ApiClient.ts"
import { exitCode, ExitWith } from "./exitCodes.ts"
import { outputFlag, print } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"

/** `pnpm start doctor`. */
export const doctorCommand = Command.make(
  "doctor",
  { url: urlFlag, output: outputFlag, settings: settingFlags },
  Effect.fnUntraced(function* ({ output, settings, url }) {
    const config = yield* configFrom(settings)
    const configured = check("config", "", Effect.succeed(ok("every setting can be read")))
    const diagnosis = yield* diagnose([configured, ...serverChecks(config), runningCheck(url)])
    yield* print(output, diagnosis, textOf(diagnosis))
    if (!diagnosis.healthy) return yield* new ExitWith({ code: exitCode.unhealthy })
  })
).pipe(
  Command.withDescription(
    "Named checks of everything the pipeline needs, each with its remedy. Exits 10 when one failed."
  ),
  Command.withExamples([{ command: "pnpm start doctor --output json", description: "For scripts" }])
)

const runningCheck = (url: string) =>
  check(
    "pipeline",
    "start one with `pnpm start pipeline`, or name its address with --url",
    HttpClient.get(`${url}/health`).pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.as(ok(`answers at ${url}`)),
      Effect.provide(NodeHttpClient.layerUndici)
    )
  )

const mark = { ok: "ok     ", warning: "warning", failed: "FAILED " } as const

const textOf = ({ findings, healthy }: Diagnosis): string => {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const lines = findings.flatMap(({ detail, name, remedy, status }) => [
    `${mark[status]}  ${name.padEnd(width)}  ${detail}`,
    ...(remedy === "" ? [] : [`${" ".repeat(width + 11)}→ ${remedy}`])
  ])
  return [...lines, "", healthy ? "healthy" : "not healthy"].join("\n")
}
