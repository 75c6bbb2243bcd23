/** The app as its users start it, `pnpm start …`: a process of its own, with the options of Node that it has there. */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import own from "../../../package.json" with { type: "json" }
import { settingLines } from "../../../src/app/AppConfig.ts"
import { eventually } from "./Eventually.ts"

/** Settings by environment variable. */
export type Environment = Readonly<Record<string, string>>

/** A started process and what it has said so far. */
export interface AppProcess {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  /** The exit code, or the signal that ended it. */
  readonly exited: Effect.Effect<number | NodeJS.Signals>
}

const main = join(import.meta.dirname, "../../../src/app/main.ts")

/** `--max-semi-space-size=…` and the like. */
export const nodeOptions: ReadonlyArray<string> = own.scripts.start.split(" ").filter((word) => word.startsWith("--"))

// Whoever runs the tests may have settings of their own; the app under test sees only what a test gives it.
const cleared = Object.fromEntries([...settingLines.map((line) => line.env), "MILLRACE_URL"].map((env) => [env, ""]))

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

const exitOf = (child: ChildProcess): Effect.Effect<number | NodeJS.Signals> =>
  Effect.callback((resume) => {
    const done = () => resume(Effect.succeed(child.exitCode ?? child.signalCode ?? -1))
    if (hasEnded(child)) return done()
    child.once("close", done)
    return Effect.sync(() => child.off("close", done))
  })

// In good order first, so that embedded servers are gone before their folder is removed.
const end = (child: ChildProcess): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (hasEnded(child)) return Effect.void
    child.kill("SIGTERM")
    const killed = Effect.suspend(() => {
      child.kill("SIGKILL")
      return exitOf(child)
    })
    return exitOf(child).pipe(Effect.timeoutOrElse({ duration: "8 seconds", orElse: () => killed }), Effect.asVoid)
  })

/** Starts the app, or another version of it, with these arguments. It is ended with the scope, if it still runs. */
export const startApp = (
  args: ReadonlyArray<string>,
  environment: Environment = {},
  script: string = main
): Effect.Effect<AppProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [...nodeOptions, script, ...args], {
        env: { ...process.env, ...cleared, MILLRACE_URL: undefined, NO_COLOR: "1", ...environment },
        stdio: ["ignore", "pipe", "pipe"]
      })
    ),
    end
  ).pipe(
    Effect.map((child) => {
      const said = { stdout: "", stderr: "" }
      child.stdout.setEncoding("utf8").on("data", (part: string) => (said.stdout += part))
      child.stderr.setEncoding("utf8").on("data", (part: string) => (said.stderr += part))
      return {
        pid: child.pid ?? 0,
        stdout: () => said.stdout,
        stderr: () => said.stderr,
        signal: (name) => Effect.sync(() => void child.kill(name)),
        exited: exitOf(child)
      }
    })
  )

/** What a command that ends by itself came to. */
export interface Finished {
  readonly code: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end. */
export const runApp = (
  args: ReadonlyArray<string>,
  environment: Environment = {},
  secondsMax = 90
): Effect.Effect<Finished> =>
  Effect.scoped(
    Effect.gen(function* () {
      const app = yield* startApp(args, environment)
      const code = yield* app.exited.pipe(
        Effect.timeoutOrElse({
          duration: `${secondsMax} seconds`,
          orElse: () => Effect.die(new Error(`millrace ${args.join(" ")} does not end: ${app.stderr()}`))
        })
      )
      return { code, stdout: app.stdout(), stderr: app.stderr() }
    })
  )

/** A pipeline that is ready, and where its API is; empty without the role. */
export interface RunningPipeline extends AppProcess {
  readonly url: string
  /** What it calls itself in the tables. */
  readonly instanceId: string
}

/** Starts a pipeline on a free port (unless PORT says otherwise) and waits until it says that it is ready. */
export const startPipeline = Effect.fnUntraced(function* (
  environment: Environment = {},
  flags: ReadonlyArray<string> = [],
  script: string = main
): Effect.fn.Return<RunningPipeline, never, Scope.Scope> {
  // What a killed instance had in hand goes to the others sooner than it would by default.
  const app = yield* startApp(["pipeline", ...flags], { PORT: "0", ACK_WAIT_SECONDS: "3", ...environment }, script)
  const ended = Effect.flatMap(app.exited, (code) =>
    Effect.die(new Error(`the pipeline ended with ${code} before it was ready: ${app.stderr()}`))
  )
  const ready = eventually(
    "a ready pipeline",
    Effect.sync(() => app.stderr().includes("ready in ")),
    30
  )
  yield* Effect.raceFirst(ready, ended)
  const word = (pattern: RegExp) => pattern.exec(app.stderr())?.[1] ?? ""
  return { ...app, url: word(/^ {2}api +(http:\S+)/m), instanceId: word(/, instance (\S+)$/m) }
})

/** A pipeline in memory. */
export const startMemoryPipeline = startPipeline({}, ["--memory"])
