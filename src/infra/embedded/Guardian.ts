/**
 * A server that cannot outlive this process. A small POSIX shell of its own session starts it and holds one end of a
 * pipe whose other end only this process has. When that end closes, be it by `stop`, by exit or by SIGKILL, the server
 * gets its stop signal and, 8 s later, SIGKILL. A Ctrl-C in the terminal reaches neither of them.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, fchownSync, openSync } from "node:fs"
import { Socket } from "node:net"
import { Effect } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import type { RunAs } from "./HostCommand.ts"
import { whyOf } from "./HostFiles.ts"
import { signal } from "./HostProcess.ts"

/** What to run and watch. `stopSignal` asks it to stop in good order; `pidFile` holds its id while it runs. */
export interface GuardedCommand {
  readonly command: ReadonlyArray<string>
  readonly stopSignal: "INT" | "TERM"
  readonly pidFile: string
  readonly logFile: string
  readonly runAs: RunAs | undefined
}

/** A running server. `kill` and `stop` return when it is gone, after 12 s at the latest, and may be repeated. */
export interface Guarded {
  /** Of the server itself, not of its guardian. */
  readonly pid: number
  /** Waits for the end and says how it ended. */
  readonly exited: Effect.Effect<string>
  readonly isRunning: Effect.Effect<boolean>
  readonly kill: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
}

// The watcher waits in the builtin `read`, so nothing is left behind when it is killed but a `sleep 1`. Polite signals do
// not end the guardian: only the pipe does, or the end of the server.
const script = `
trap : HUP INT TERM
signal=$1 pidfile=$2
shift 2
exec 3<&0
"$@" </dev/null >&2 3<&- &
server=$!
echo "$server" >"$pidfile"
echo "$server"
exec >&-
(
  read -r _ <&3
  kill -s "$signal" "$server"
  left=8
  while [ "$left" -gt 0 ] && kill -0 "$server"; do sleep 1; left=$((left - 1)); done
  kill -s KILL "$server"
) </dev/null 2>/dev/null &
watcher=$!
exec 3<&- </dev/null
code=0
while kill -0 "$server" 2>/dev/null; do wait "$server"; code=$?; done
kill -s KILL "$watcher" 2>/dev/null
rm -f "$pidfile"
exit "$code"
`

/** Starts the command and returns once its process exists. It is not ready then. It does not keep this process alive. */
export const spawnGuarded = (command: GuardedCommand): Effect.Effect<Guarded, EmbeddedFailed> =>
  Effect.gen(function* () {
    const child = yield* Effect.try({
      try: () => spawnDetached(command),
      catch: (cause) => failed(command, whyOf(cause))
    })
    const pid = yield* serverPid(child, command).pipe(Effect.onError(() => Effect.sync(() => child.stdin?.destroy())))
    return guarded(child, pid)
  }).pipe(Effect.uninterruptible)

const spawnDetached = (command: GuardedCommand): ChildProcess => {
  const log = openSync(command.logFile, "a", 0o600)
  // So that this user can go on with it when we are not root next time.
  if (command.runAs !== undefined) fchownSync(log, command.runAs.uid, command.runAs.gid)
  const args = ["-c", script, "millrace-guardian", command.stopSignal, command.pidFile, ...command.command]
  const child = spawn("/bin/sh", args, {
    ...command.runAs,
    cwd: "/",
    detached: true,
    // Nothing of ours may change how a server behaves (PGDATA, PGPORT, LD_PRELOAD …).
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    stdio: ["pipe", "pipe", log]
  })
  closeSync(log)
  child.stdin?.on("error", () => undefined)
  child.unref()
  for (const pipe of [child.stdin, child.stdout]) if (pipe instanceof Socket) pipe.unref()
  // The guardian may be killed without its server: closing the pipe tells the watcher, which is a process of its own.
  child.once("exit", () => child.stdin?.destroy())
  return child
}

const serverPid = (child: ChildProcess, command: GuardedCommand): Effect.Effect<number, EmbeddedFailed> =>
  Effect.callback<number, EmbeddedFailed>((resume) => {
    child.once("error", (cause) => resume(Effect.fail(failed(command, whyOf(cause)))))
    // `close` comes after the last output, `exit` may come before it.
    child.once("close", () => resume(Effect.fail(failed(command, "the guardian shell ended"))))
    child.stdout?.once("data", (line) => resume(Effect.succeed(Number(String(line).trim()))))
  }).pipe(
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.fail(failed(command, "its guardian shell did not answer within 10 s"))
    })
  )

const failed = (command: GuardedCommand, why: string) =>
  new EmbeddedFailed({ doing: `starting ${command.command[0]}`, why, remedy: "check that /bin/sh works here" })

const guarded = (child: ChildProcess, pid: number): Guarded => {
  const isRunning = Effect.sync(() => child.exitCode === null && child.signalCode === null)
  const exited = Effect.callback<string>((resume) => {
    const report = () => resume(Effect.succeed(endOf(child)))
    if (child.exitCode !== null || child.signalCode !== null) return report()
    child.once("exit", report)
    return Effect.sync(() => child.off("exit", report))
  })
  const killNow = isRunning.pipe(Effect.flatMap((running) => (running ? signal(pid, "SIGKILL") : Effect.void)))
  const kill = killNow.pipe(Effect.andThen(exited), Effect.timeoutOption("5 seconds"), Effect.asVoid)
  const stop = Effect.sync(() => child.stdin?.destroy()).pipe(
    Effect.andThen(exited),
    Effect.timeoutOption("10 seconds"),
    Effect.andThen(kill)
  )
  return { pid, exited, isRunning, kill, stop }
}

/** A shell reports a signal as 128 plus its number. */
const endOf = (child: ChildProcess): string => {
  const code = child.exitCode ?? -1
  if (child.signalCode !== null) return `its guardian was ended by ${child.signalCode}`
  return code > 128 ? `ended by signal ${code - 128}` : `exit code ${code}`
}
