/** What this machine says about a process. */
import { Effect, Option } from "effect"
import { runCommand } from "./HostCommand.ts"
import { codeOf, readIfPresent } from "./HostFiles.ts"

/** True when a process with this id runs, whoever owns it. One that has ended and was not reaped yet does not. */
export const isAlive = (pid: number): Effect.Effect<boolean> =>
  Effect.zipWith(signal(pid, 0), statFields(pid), (exists, [state]) => exists && state !== "Z" && state !== "X")

/** Sends a signal. False when there is no such process; one that may not be signalled counts as alive. */
export const signal = (pid: number, name: NodeJS.Signals | 0): Effect.Effect<boolean> =>
  Effect.try({ try: () => process.kill(pid, name), catch: codeOf }).pipe(
    Effect.catch((code) => Effect.succeed(code === "EPERM"))
  )

/** When the process began, in clock ticks since boot, where the system tells (Linux); with the id it names one process for good. */
export const startTicks = (pid: number): Effect.Effect<Option.Option<string>> =>
  Effect.map(statFields(pid), (fields) => Option.fromNullishOr(fields[19]))

/** The fields of proc(5) from the third on, the state; the name before them, in parentheses, may hold anything. */
const statFields = (pid: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    readIfPresent(`/proc/${pid}/stat`),
    Option.match({
      onNone: () => [],
      onSome: (stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    })
  )

/** The command line of a process, its words separated by spaces; empty when it is gone. */
export const commandLine = (pid: number): Effect.Effect<string> =>
  process.platform === "linux"
    ? readIfPresent(`/proc/${pid}/cmdline`).pipe(
        Effect.map(Option.match({ onNone: () => "", onSome: (words) => words.replaceAll("\0", " ") }))
      )
    : runCommand({ file: "ps", args: ["-o", "command=", "-p", String(pid)], timeoutMillis: 5000 }).pipe(
        Effect.map((output) => output.stdout),
        Effect.orElseSucceed(() => "")
      )
