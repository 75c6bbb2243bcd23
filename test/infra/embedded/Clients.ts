/** What the tests do with a running server. */
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { natsLogin } from "../../../src/infra/nats/NatsLogin.ts"

/** A connection of its own, closed afterwards. */
export const withSql = <A, E>(url: Redacted.Redacted, use: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.provide(use, PgClient.layer({ url, maxConnections: 1 }))

export const query = (url: Redacted.Redacted, text: string) =>
  withSql(
    url,
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(text))
  )

/** A connection of its own, closed afterwards. */
export const withNats = <A>(url: string, use: (connection: NatsConnection) => Promise<A>) =>
  Effect.acquireUseRelease(
    Effect.tryPromise(() => {
      const login = natsLogin(url)
      return connect({ ...login, servers: [...login.servers], reconnect: false })
    }),
    (connection) => Effect.tryPromise(() => use(connection)),
    (connection) => Effect.promise(() => connection.close())
  )

export const publish = (url: string, text: string) =>
  withNats(url, async (connection) => {
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ name: "TEST", subjects: ["test.>"] })
    return jetstream(connection).publish("test.one", text)
  })

export const storedMessages = (url: string) =>
  withNats(url, async (connection) => {
    const manager = await jetstreamManager(connection)
    return (await manager.streams.info("TEST")).state.messages
  })
