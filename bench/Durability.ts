import { PgClient } from "@effect/sql-pg"
import { jetstreamManager } from "@nats-io/jetstream"
import { Context, Effect, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { readFile } from "node:fs/promises"
import { EventLog } from "../src/pipeline/EventLog.ts"
import { freshName, infra } from "./Fixture.ts"
import { connectedTo } from "./Nats.ts"
import { BenchServers } from "./Servers.ts"

/** What servers do before they acknowledge, as they say it themselves. */
export interface Durability {
  readonly fsync: string
  readonly synchronousCommit: string
  readonly fullPageWrites: string
  readonly natsSyncInterval: string
  /** Of every stream there is, each number once. */
  readonly replicas: ReadonlyArray<number>
}

/** Where to ask. The configuration of a nats-server of somebody else's cannot be read. */
export interface Asked {
  readonly databaseUrl: Redacted.Redacted
  readonly natsUrl: Redacted.Redacted
  readonly natsConfig: string | undefined
}

/** Asks servers, once their streams are there. */
export const durabilityOf = Effect.fnUntraced(function* ({ databaseUrl, natsConfig, natsUrl }: Asked) {
  const postgres = yield* settingsOf(databaseUrl)
  return {
    ...postgres,
    natsSyncInterval: yield* syncIntervalIn(natsConfig),
    replicas: yield* replicasAt(natsUrl)
  } satisfies Durability
})

/** Asks the servers of the benchmark, with a stream declared as all of them are. */
export const benchDurability = Effect.scoped(
  Effect.gen(function* () {
    const log = Context.get(yield* infra, EventLog)
    const name = freshName("durability")
    yield* log.declare({ name, subject: name, partitions: 1 })
    return yield* durabilityOf(yield* BenchServers)
  })
)

/** One line of it. */
export const durabilityText = (one: Durability): string =>
  [
    `Postgres: fsync ${one.fsync}, synchronous_commit ${one.synchronousCommit}, full_page_writes ${one.fullPageWrites}`,
    `NATS: sync_interval ${one.natsSyncInterval}, replicas ${one.replicas.join(" and ") || "unknown: there is no stream"}`
  ].join("; ")

const settingsOf = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const one = (name: string) =>
      Effect.map(sql.unsafe<Readonly<Record<string, string>>>(`SHOW ${name}`), ([row]) => row?.[name] ?? "unknown")
    return {
      fsync: yield* one("fsync"),
      synchronousCommit: yield* one("synchronous_commit"),
      fullPageWrites: yield* one("full_page_writes")
    }
  }).pipe(Effect.provide(PgClient.layer({ url, maxConnections: 1 })))

// The server does not tell its clients, and an embedded one has no other port.
const syncIntervalIn = (natsConfig: string | undefined) =>
  natsConfig === undefined
    ? Effect.succeed("unknown: its configuration is not ours")
    : Effect.map(
        Effect.promise(() => readFile(natsConfig, "utf8")),
        (text) => /^\s*sync_interval:\s*(\S+)/m.exec(text)?.[1] ?? "not set: nats-server's default of 2m"
      )

const replicasAt = (url: Redacted.Redacted) =>
  Effect.flatMap(connectedTo(url), (connection) =>
    Effect.promise(async () => {
      const found = new Set<number>()
      for await (const { config } of (await jetstreamManager(connection)).streams.list()) found.add(config.num_replicas)
      return [...found].toSorted((a, b) => a - b)
    })
  ).pipe(Effect.scoped)
