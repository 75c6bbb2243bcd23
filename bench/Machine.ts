import { PgClient } from "@effect/sql-pg"
import { connect } from "@nats-io/transport-node"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { cpus, totalmem } from "node:os"
import { natsLogin } from "../src/infra/nats/NatsLogin.ts"
import { BenchServers } from "./Servers.ts"

/** What a figure depends on besides the code. */
export interface Machine {
  readonly cpu: string
  readonly memory: string
  readonly node: string
  readonly postgres: string
  readonly nats: string
}

/** Asks the machine and the servers. */
export const machine = Effect.gen(function* () {
  const { databaseUrl, natsUrl, which } = yield* BenchServers
  const [first] = cpus()
  return {
    cpu: `${cpus().length} × ${first?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    postgres: yield* postgresOf(databaseUrl),
    nats: `${yield* natsOf(Redacted.value(natsUrl))}; ${which}`
  } satisfies Machine
})

const postgresOf = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ readonly name: string; readonly setting: string }>`
      SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'shared_buffers') ORDER BY name`
    return rows.map(({ name, setting }) => `${name} ${setting}`).join(", ")
  }).pipe(Effect.provide(PgClient.layer({ url, maxConnections: 1 })))

const natsOf = (url: string) =>
  Effect.promise(async () => {
    const login = natsLogin(url)
    const connection = await connect({ ...login, servers: [...login.servers] })
    const version = connection.info?.version ?? "unknown"
    await connection.close()
    return `nats-server ${version}`
  })
