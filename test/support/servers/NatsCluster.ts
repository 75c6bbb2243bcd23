/** Three real nats-servers that form one cluster: the server's own defaults, one process each. */
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { findNatsServer } from "../../../src/infra/embedded/NatsBinary.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import { withNats } from "../../infra/embedded/Clients.ts"
import { eventually } from "./Eventually.ts"
import { at } from "./Http.ts"
import { freePort } from "./TestServers.ts"

/** One of its servers. */
export interface ClusterNode {
  readonly name: string
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

const size = 3

const configOf = (name: string, port: number, route: number, routes: ReadonlyArray<number>, directory: string) =>
  [
    `server_name: "${name}"`,
    `listen: "127.0.0.1:${port}"`,
    `jetstream { store_dir: ${JSON.stringify(join(directory, name))} }`,
    `cluster { name: "test", listen: "127.0.0.1:${route}", routes: [${routes.map((to) => `"nats://127.0.0.1:${to}"`).join(", ")}] }`,
    ""
  ].join("\n")

const exited = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

/** Starts them and waits until they have a leader. They end with the scope. */
export const startCluster = Effect.fnUntraced(function* () {
  const directory = yield* tempDataDir
  const program = yield* Effect.orDie(findNatsServer(() => Effect.void))
  const ports = yield* Effect.forEach(Array.from({ length: size * 2 }), () => freePort)
  const routes = ports.slice(size)
  yield* Effect.promise(() => mkdir(directory, { recursive: true }))
  const nodes = yield* Effect.forEach(routes, (route, i) =>
    Effect.gen(function* () {
      const name = `n${i + 1}`
      const file = join(directory, `${name}.conf`)
      yield* Effect.promise(() => writeFile(file, configOf(name, ports[i] ?? 0, route, routes, directory)))
      let child: ChildProcess | undefined
      const start = Effect.sync(() => void (child = spawn(program, ["-c", file], { stdio: "ignore" })))
      const kill = Effect.suspend(() => {
        if (child === undefined) return Effect.void
        child.kill("SIGKILL")
        return exited(child)
      })
      yield* Effect.acquireRelease(start, () => kill)
      return { name, kill, start } satisfies ClusterNode
    })
  )
  const url = ports
    .slice(0, size)
    .map((port) => `nats://127.0.0.1:${port}`)
    .join(",")
  const ask = (subject: string, body = "") =>
    withNats(url, async (connection): Promise<unknown> =>
      (await connection.request(subject, body, { timeout: 2_000 })).json()
    )
  yield* eventually(
    "a cluster with a leader",
    ask("$JS.API.INFO").pipe(
      Effect.map((answer) => at(answer, "error") === undefined),
      Effect.orElseSucceed(() => false)
    ),
    30
  )
  return { url, nodes, ask }
})
