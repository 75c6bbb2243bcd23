/** A real nats-server and the event log on it. */
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream"
import type { NatsConnection } from "@nats-io/transport-node"
import { Context, Effect, Layer, Redacted } from "effect"
import { startNats } from "../../../src/infra/embedded/EmbeddedNats.ts"
import type { ServerHandle } from "../../../src/infra/embedded/SupervisedServer.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import * as NatsPipeline from "../../../src/infra/nats/NatsPipeline.ts"
import type { OutboxRow } from "../../../src/pipeline/Envelope.ts"
import type { LogDeclaration } from "../../../src/pipeline/EventLog.ts"
import { slotOf } from "../../../src/pipeline/Partition.ts"
import { withNats } from "../embedded/Clients.ts"

/** The server, and a way to it that is not under test. */
export class NatsUnderTest extends Context.Service<
  NatsUnderTest,
  {
    readonly server: ServerHandle
    readonly manage: <A>(use: (manager: JetStreamManager, connection: NatsConnection) => Promise<A>) => Effect.Effect<A>
  }
>()("millrace/test/infra/nats/NatsUnderTest") {}

/** The event log on a server that the tests of one file share. Each test takes a stream of its own. */
export const natsWorld = Layer.unwrap(
  Effect.gen(function* () {
    const server = yield* startNats({ dataDir: yield* tempDataDir, supervise: false })
    const manage = <A>(use: (manager: JetStreamManager, connection: NatsConnection) => Promise<A>) =>
      Effect.orDie(withNats(server.url, async (connection) => use(await jetstreamManager(connection), connection)))
    const url = Redacted.make(server.url)
    const log = NatsPipeline.layer({ url, name: "test", replicas: 1, maxBytes: 50_000_000, maxAgeDays: 7 })
    return Layer.merge(log, Layer.succeed(NatsUnderTest, { server, manage }))
  })
)

let streams = 0

/** A stream that no other test of the file uses. */
export const freshLog = (partitions = 1): LogDeclaration => {
  streams += 1
  return { name: `log-${streams}`, subject: `s${streams}`, partitions }
}

/** Rows as the relay would read them: the keys one after the other, each key's versions counted from 1. */
export const rowsOf = (keys: ReadonlyArray<string>, firstId = 1): ReadonlyArray<OutboxRow> => {
  const versions = new Map<string, number>()
  return keys.map((key, i) => {
    const version = (versions.get(key) ?? 0) + 1
    versions.set(key, version)
    return {
      id: firstId + i,
      eventId: globalThis.crypto.randomUUID(),
      key,
      version,
      slot: slotOf(key),
      type: "done",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      payload: JSON.stringify({ key, i })
    }
  })
}
