import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Option, type Redacted } from "effect"
import { Command, TerminalCapabilities } from "effect/cli"
import { HttpClient, HttpClientResponse } from "effect/http"
import { type Diagnosis, diagnose, type Finding } from "../../ops/Doctor.ts"
import { check, failed, ok, warning } from "../../pipeline/Check.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { portCheck } from "../doctor/localChecks.ts"
import { checksBeforeStart, checksOfStore } from "../doctorChecks.ts"
import { textOf } from "./diagnosisText.ts"
import { exitCode, ExitWith } from "./exitCodes.ts"
import { asking, opsFlags } from "./opsFlags.ts"
import { print } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"

/** `pnpm start doctor`. */
export const doctorCommand = Command.make(
  "doctor",
  { ...opsFlags, settings: settingFlags },
  Effect.fnUntraced(function* ({ output, settings, token, url }) {
    const config = yield* configFrom(settings)
    const running = yield* askRunning(url, token)
    const diagnosis = yield* diagnosisOf(config, url, running).pipe(Effect.scoped)
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    yield* print(output, diagnosis, textOf(diagnosis, canColor), diagnosis.findings)
    if (!diagnosis.healthy) return yield* new ExitWith({ code: exitCode.unhealthy })
  })
).pipe(
  Command.withDescription(
    "Named checks of everything the pipeline needs, each with its remedy: of the servers that are named, or of what the embedded ones need, and of the pipeline that runs at --url, which is asked itself. Exits 10 when one failed; a warning works today and will hurt later."
  ),
  Command.withShortDescription("Named checks of everything the pipeline needs, with remedies"),
  Command.withExamples([
    { command: "pnpm start doctor", description: "Whenever something is odd" },
    { command: "pnpm start doctor --output json", description: "For scripts" }
  ])
)

/** What a pipeline says that runs there: its checks, or why it does not tell; nothing when none runs. */
type Running =
  | { readonly _tag: "Away" }
  | { readonly _tag: "Silent"; readonly why: string }
  | { readonly _tag: "Told"; readonly findings: ReadonlyArray<Finding> }

const askRunning = (url: string, token: Option.Option<Redacted.Redacted>): Effect.Effect<Running> =>
  Effect.gen(function* () {
    if (!(yield* answers(url))) return { _tag: "Away" } as const
    const options = { url, token, output: "json" as const }
    return yield* asking(options, (ops) => ops.control.doctor()).pipe(
      Effect.match({
        onSuccess: ({ findings }): Running => ({ _tag: "Told", findings }),
        onFailure: ({ message }): Running => ({ _tag: "Silent", why: message })
      })
    )
  })

const answers = (url: string) =>
  HttpClient.get(`${url.replace(/\/$/, "")}/health`).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.timeout("5 seconds"),
    Effect.isSuccess,
    Effect.provide(NodeHttpClient.layerUndici)
  )

/** A running pipeline knows its servers better than we do: what it has found is not looked for again. */
const diagnosisOf = Effect.fnUntraced(function* (config: AppConfigValues, url: string, running: Running) {
  const told = running._tag === "Told" ? running.findings : []
  const known = new Set(told.map(({ name }) => name))
  const isNamed = Option.isSome(config.databaseUrl) || Option.isSome(config.natsUrl)
  // Without names the servers are the pipeline's own, and it has told of them.
  const ours = told.length > 0 && !isNamed ? [] : [...checksBeforeStart(config), ...(yield* checksOfStore(config))]
  const { findings } = yield* diagnose([
    check("config", "", Effect.succeed(ok("every setting can be read"))),
    portCheck(config.host, config.port),
    runningCheck(url, running),
    ...ours.filter(({ name }) => isNamed || !known.has(name))
  ])
  const own = new Set(findings.map(({ name }) => name))
  const all = [...findings, ...told.filter(({ name }) => !own.has(name))]
  return { healthy: all.every(({ status }) => status !== "failed"), findings: all } satisfies Diagnosis
})

const runningCheck = (url: string, running: Running) =>
  check("pipeline", "", Effect.succeed(runningResult(url, running)))

const runningResult = (url: string, running: Running) => {
  if (running._tag === "Told") return ok(`answers at ${url}`)
  return running._tag === "Away"
    ? failed(`none answers at ${url}`, "start one with `pnpm start pipeline`, or name its address with --url")
    : warning(`answers at ${url}, but does not tell: ${running.why}`, "give its --token, or ask on its machine")
}
