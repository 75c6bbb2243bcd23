/** A real PgBouncer in transaction mode in front of a Postgres. */
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { eventually } from "./Eventually.ts"
import { freePort } from "./TestServers.ts"

/** Where Debian's package puts it; undefined when it is not installed. */
export const pgBouncerProgram = ["pgbouncer", "/usr/sbin/pgbouncer"].find(
  (program) => spawnSync(program, ["--version"]).status === 0
)

/** Starts it in `directory`, and returns the address through it. It ends with the scope. */
export const startPgBouncer = Effect.fnUntraced(function* (program: string, directory: string, databaseUrl: string) {
  const { hostname, password, pathname, port: target, username } = new URL(databaseUrl)
  const port = yield* freePort
  const lines = [
    "[databases]",
    `* = host=${hostname} port=${target}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "pool_mode = transaction",
    "default_pool_size = 8",
    "max_client_conn = 200",
    "auth_type = plain",
    `auth_file = ${join(directory, "users.txt")}`,
    // It starts as root otherwise not at all.
    "user = nobody",
    ""
  ]
  yield* Effect.promise(async () => {
    await fs.mkdir(directory, { recursive: true })
    await fs.writeFile(join(directory, "users.txt"), `"${username}" "${password}"\n`, { mode: 0o644 })
    await fs.writeFile(join(directory, "pgbouncer.ini"), lines.join("\n"), { mode: 0o644 })
  })
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(program, [join(directory, "pgbouncer.ini")], { stdio: ["ignore", "ignore", "pipe"] })),
    (running) => Effect.sync(() => void running.kill("SIGKILL"))
  )
  let talk = ""
  child.stderr.setEncoding("utf8").on("data", (part: string) => (talk += part))
  yield* eventually(
    "a PgBouncer that listens",
    Effect.suspend(() =>
      child.exitCode === null ? Effect.succeed(/process up/.test(talk)) : Effect.die(new Error(talk))
    )
  )
  return `postgres://${username}:${password}@127.0.0.1:${port}${pathname}`
})
