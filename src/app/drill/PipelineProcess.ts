import { Effect, Exit, Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { settingLines } from "../AppConfig.ts"
import { CommandFailed, exitCode } from "../cli/exitCodes.ts"

/** A pipeline in a process of its own, to be killed and frozen. */
export interface PipelineProcess {
  /** Where its API is; empty without the role. */
  readonly url: string
  /** What it calls itself in the tables; another after each restart. */
  readonly instanceId: () => string
  /** SIGKILL, then the same again in a new process. */
  readonly restart: Effect.Effect<void, CommandFailed>
  /** SIGSTOP for so many milliseconds. */
  readonly freeze: (ms: number) => Effect.Effect<void>
}

/** Its settings, by variable; nothing is taken from the environment of the drill. */
export type Settings = Readonly<Record<string, string>>

/** How long it may take to be ready. */
const readyMax = "30 seconds"

/** Longest part of its talk that is kept, for the case that it does not start. */
const talkMaxChars = 10_000

/** Starts it and waits until it is ready; it ends with the scope. */
export const startPipeline = Effect.fnUntraced(function* (settings: Settings) {
  const scope = yield* Effect.scope
  const life = { scope: yield* Scope.fork(scope), port: settings["PORT"] ?? "0" }
  const begin = Effect.suspend(() => startOne({ ...settings, PORT: life.port })).pipe(
    Effect.provideService(Scope.Scope, life.scope)
  )
  let running = yield* begin
  // The same address again, as a supervisor would do it.
  life.port = running.url === "" ? life.port : new URL(running.url).port
  const restart = Effect.gen(function* () {
    running.child.kill("SIGKILL")
    yield* ended(running.child)
    yield* Scope.close(life.scope, Exit.void)
    life.scope = yield* Scope.fork(scope)
    running = yield* Effect.suspend(() => startOne({ ...settings, PORT: life.port })).pipe(
      Effect.provideService(Scope.Scope, life.scope)
    )
  })
  const freeze = (ms: number) =>
    Effect.gen(function* () {
      const { child } = running
      child.kill("SIGSTOP")
      yield* Effect.sleep(ms)
      child.kill("SIGCONT")
    })
  return { url: running.url, instanceId: () => running.instanceId, restart, freeze } satisfies PipelineProcess
})

const startOne = Effect.fnUntraced(function* (settings: Settings) {
  const cleared = Object.fromEntries(settingLines.map(({ env }) => [env, ""]))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", "pipeline"], {
        env: { ...process.env, ...cleared, ...settings, NO_COLOR: "1" },
        stdio: ["ignore", "ignore", "pipe"]
      })
    ),
    end
  )
  const talk = yield* readiness(child).pipe(
    Effect.timeoutOrElse({ duration: readyMax, orElse: () => notReady(`no word in ${readyMax}`) })
  )
  const word = (pattern: RegExp) => pattern.exec(talk)?.[1] ?? ""
  return { child, url: word(/^ {2}api +(http:\S+)/m), instanceId: word(/, instance (\S+)$/m) }
})

const notReady = (detail: string) =>
  Effect.fail(
    new CommandFailed({ message: `a pipeline of the drill did not start: ${detail}`, code: exitCode.failure })
  )

const readiness = (child: ChildProcess): Effect.Effect<string, CommandFailed> =>
  Effect.callback((resume) => {
    let talk = ""
    child.stderr?.setEncoding("utf8").on("data", (part: string) => {
      if (talk.length < talkMaxChars) talk += part
      if (talk.includes("ready in ")) resume(Effect.succeed(talk))
    })
    child.once("exit", () => resume(notReady(talk)))
  })

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

// The servers are thrown away behind it, so it need not take its leave.
const end = (child: ChildProcess) =>
  Effect.suspend(() => {
    child.kill("SIGKILL")
    return ended(child)
  })
