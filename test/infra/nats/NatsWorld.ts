/** A real nats-server and the event log on it. */
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream"
import type { NatsConnection } from "@nats-io/transport-node"
import { Context, Effect, Layer, Redacted } from "effect"
import { startNats } from "../../../src/infra/embedded/EmbeddedNats.ts"
import type { ServerHandle } from "../../../src/infra/embedded/SupervisedServer.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import * as NatsPipeline from "../../../src/infra/nats/NatsPipeline.ts"
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

export { freshLog, rowsOf } from "../../../src/testing/laws/LawWorld.ts"
