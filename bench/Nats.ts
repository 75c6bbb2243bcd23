import { jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Redacted } from "effect"
import { natsLogin } from "../src/infra/nats/NatsLogin.ts"
import { BenchServers } from "./Servers.ts"

/** A connection to a nats-server, closed with the scope. */
export const connectedTo = (url: Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.promise(() => {
      const login = natsLogin(Redacted.value(url))
      // As its documentation has it for speed: a stack trace for every request was a sixth of the client's time.
      return connect({ ...login, servers: [...login.servers], noAsyncTraces: true })
    }),
    (open) => Effect.promise(() => open.close())
  )

/** A connection to the nats-server of the benchmark. */
export const natsConnection = Effect.flatMap(BenchServers, ({ natsUrl }) => connectedTo(natsUrl))

/** What the server says of a stream's contents, headers included. */
export const storedIn = (connection: NatsConnection, stream: string) =>
  Effect.promise(async () => {
    const { state } = await (await jetstreamManager(connection)).streams.info(stream.toUpperCase())
    return { bytes: state.bytes, messages: state.messages }
  })

/** Deletes a stream with everything in it. */
export const removeStream = (connection: NatsConnection, stream: string) =>
  Effect.promise(async () => (await jetstreamManager(connection)).streams.delete(stream.toUpperCase()))
