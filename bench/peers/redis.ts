import { Redis } from "ioredis"
import { Data, Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { choosePort } from "../../src/infra/embedded/LoopbackPort.ts"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"

/** A redis-server of ours did not come up. */
export class RedisFailed extends Data.TaggedError("RedisFailed")<{ readonly message: string }> {}

/** A running redis-server, and what it says of itself. */
export interface RedisServer {
  readonly port: number
  readonly what: string
}

/** `REDIS_SERVER`, or the first on PATH; undefined when there is none. It comes with no package of ours. */
export const redisProgram = (): string | undefined =>
  process.env["REDIS_SERVER"] ??
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "redis-server"))
    .find(isExecutable)

const isExecutable = (path: string) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Starts it on a free port in a folder of its own, and ends it with the scope. What it acknowledges is in its log file, and
 * on disk within a second: a crash of the machine may take that second.
 */
export const startRedis = Effect.fnUntraced(function* (program: string) {
  const directory = yield* tempDataDir
  const port = yield* choosePort(undefined)
  const durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, ...durable]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(program, args, { stdio: "ignore" })),
    ended
  )
  const failed = Effect.callback<never, RedisFailed>((resume) => {
    child.once("error", (cause) => resume(Effect.fail(new RedisFailed({ message: cause.message }))))
    child.once("exit", (code) => resume(Effect.fail(new RedisFailed({ message: `${program} ended with ${code}` }))))
  })
  return yield* Effect.raceFirst(described(port), failed)
})

const described = (port: number) =>
  Effect.promise(async (): Promise<RedisServer> => {
    // It tries again until the server answers.
    const client = new Redis(port, "127.0.0.1", { maxRetriesPerRequest: null, retryStrategy: () => 50 })
    client.on("error", () => {})
    const version = /redis_version:(\S+)/.exec(await client.info("server"))?.[1] ?? "unknown"
    const settings = await client.config("GET", "append*")
    client.disconnect()
    return { port, what: `Redis ${version}, ${settingsOf(settings)}` }
  })

// Names and values in turn.
const settingsOf = (answer: unknown) => {
  const words = Array.isArray(answer) ? answer.map(String) : []
  return ["appendonly", "appendfsync"].map((name) => `${name} ${words[words.indexOf(name) + 1]}`).join(", ")
}

const secondsMax = 5

const ended = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGTERM")
    const late = setTimeout(() => child.kill("SIGKILL"), secondsMax * 1_000)
    child.once("exit", () => clearTimeout(late))
  })
