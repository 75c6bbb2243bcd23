import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { headers } from "@nats-io/transport-node"
import { Effect } from "effect"
import { append, freshName, infra, notes, textOf } from "../Fixture.ts"
import { bound, figureOf, inTurn, ratio } from "../Measure.ts"
import { relay, usual } from "../Phases.ts"
import { natsConnection, removeStream } from "../Nats.ts"
import type { Row } from "../Row.ts"
import { BenchServers } from "../Servers.ts"
import { publishWindow } from "../peers/natsLoops.ts"

const bytes = 1_024

export const relayRow: Row = {
  number: 4,
  name: "relay",
  what: "outbox to stream, 1 KB events, beside the client's own publish with 1,000 in flight",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const count = Math.round(50_000 * size.scale)
    const servers = yield* BenchServers
    const connection = yield* natsConnection
    const load = { ...usual, events: count, keys: 1_000, bytes }
    const relayed = Effect.gen(function* () {
      const stream = notes(freshName("relay"))
      yield* append(services, stream, load)
      const { wall } = yield* relay(services, stream, load)
      yield* removeStream(connection, stream.name)
      return (count * 1_000_000) / wall
    }).pipe(Effect.provideService(BenchServers, servers))
    const published = Effect.promise(async () => {
      const subject = freshName("publish")
      const manager = await jetstreamManager(connection)
      await manager.streams.add({ name: subject.toUpperCase(), subjects: [`${subject}.>`] })
      const begin = performance.now()
      await publishWindow(jetstream(connection), `${subject}.one`, textOf(bytes), count, headers)
      const rate = (count * 1_000) / (performance.now() - begin)
      await manager.streams.delete(subject.toUpperCase())
      return rate
    })
    const figures = yield* inTurn(
      [
        { name: "relay", unit: "events/s", run: () => relayed },
        { name: "js.publish, 1,000 in flight", unit: "events/s", run: () => published }
      ],
      size
    )
    const ours = figureOf(figures, "relay")
    return {
      figures,
      verdicts: [bound(ours, "≥", 25_000), ratio(ours, figureOf(figures, "js.publish, 1,000 in flight"), 1.5)],
      settings: `${count} events of ${bytes} B, batches of 1,000, message ids on both sides; the relay from its first batch to its last`
    }
  })
}
