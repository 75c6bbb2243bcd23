/** Runs `serve.ts` in a process of its own and reads what it reports. */
import { spawn, type SpawnOptions } from "node:child_process"
import { createInterface } from "node:readline"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import type { EmbeddedOptions } from "../../../src/infra/embedded/EmbeddedServers.ts"
import { isAlive } from "../../../src/infra/embedded/HostProcess.ts"

const ServeReport = Schema.fromJsonString(
  Schema.Struct({
    databaseUrl: Schema.optionalKey(Schema.String),
    natsUrl: Schema.optionalKey(Schema.String),
    pids: Schema.Array(Schema.Int).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
    error: Schema.optionalKey(Schema.String),
    message: Schema.optionalKey(Schema.String)
  })
)

/** Starts the process and waits for its report. It is killed with the scope, if it still runs. */
export const serve = Effect.fnUntraced(function* (
  options: Omit<EmbeddedOptions, "onProgress">,
  how: SpawnOptions = {}
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [join(import.meta.dirname, "serve.ts"), JSON.stringify(options)], {
        ...how,
        // A process group of its own, as a terminal gives it.
        detached: true,
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  const line = yield* Effect.callback<string>((resume) => {
    const lines = createInterface({ input: child.stdout })
    lines.once("line", (text) => resume(Effect.succeed(text)))
    lines.once("close", () => resume(Effect.succeed("{}")))
  }).pipe(Effect.timeout("20 seconds"))
  const report = yield* Schema.decodeEffect(ServeReport)(line)
  return { ...report, pid: child.pid ?? 0 }
})

/** How long until all of them are gone, in milliseconds; fails after 12 s. */
export const untilGone = (pids: ReadonlyArray<number>) =>
  Effect.forEach(pids, isAlive).pipe(
    Effect.repeat({ until: (alive) => !alive.includes(true) }),
    Effect.timeout("12 seconds"),
    Effect.timed,
    Effect.map(([duration]) => duration)
  )
