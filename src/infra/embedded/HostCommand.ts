/** Short commands of this machine: run to the end, bounded in time and output. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Effect, Predicate } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { whyOf } from "./HostFiles.ts"

/** An unprivileged identity to run a server as. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** A command: the program, its arguments, and how it runs. `/` is the working directory unless told. */
export interface HostCommand {
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly runAs?: RunAs | undefined
  readonly cwd?: string
  readonly env?: Record<string, string | undefined>
  readonly input?: string
  readonly timeoutMillis: number
}

const run = promisify(execFile)

/** Both outputs as text. Fails with the last line it wrote when it cannot start, times out or exits with another code than 0. */
export const runCommand = (
  command: HostCommand
): Effect.Effect<{ readonly stdout: string; readonly stderr: string }, EmbeddedFailed> =>
  Effect.tryPromise({
    try: (signal) => {
      const running = run(command.file, [...command.args], {
        ...command.runAs,
        // A working directory that another user cannot enter makes even `sh` complain.
        cwd: command.cwd ?? "/",
        env: { ...process.env, LC_ALL: "C", ...command.env },
        timeout: command.timeoutMillis,
        killSignal: "SIGKILL",
        maxBuffer: outputBytesMax,
        signal
      })
      // A program that ends without reading its input is no failure of ours.
      running.child.stdin?.on("error", () => undefined)
      running.child.stdin?.end(command.input ?? "")
      return running
    },
    catch: (cause) =>
      new EmbeddedFailed({
        doing: `running ${command.file}`,
        why: lastLine(stderrOf(cause)) ?? whyOf(cause),
        remedy: "run it by hand to see more"
      })
  })

const outputBytesMax = 4 * 1024 * 1024

const stderrOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "stderr") && Predicate.isString(cause.stderr) ? cause.stderr : ""

const lastLine = (text: string): string | undefined => text.trim().split("\n").at(-1) || undefined
