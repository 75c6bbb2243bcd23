import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { headers } from "@nats-io/transport-node"
import { Context, Effect, Exit, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { append, freshName, infra, notes, start, textOf } from "../Fixture.ts"
import { bound, figureOf, inTurn, ratio, secondsOf } from "../Measure.ts"
import { natsConnection, removeStream } from "../Nats.ts"
import type { Row } from "../Row.ts"
import { publishWindow } from "../peers/natsLoops.ts"

const bytes = 1_024

export const relayRow: Row = {
  number: 4,
  name: "relay",
  what: "outbox to stream, 1 KB events, beside the client's own publish with 1,000 in flight",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const sql = Context.get(services, SqlClient.SqlClient)
    const count = Math.round(50_000 * size.scale)
    const connection = yield* natsConnection
    const relayed = Effect.gen(function* () {
      const stream = notes(freshName("relay"))
      yield* append(services, stream, { events: count, keys: 1_000, bytes })
      const scope = yield* Scope.make()
      const seconds = yield* secondsOf(
        Effect.andThen(
          Scope.provide(start(services, stream, [], { relays: true }), scope),
          Effect.repeat(
            Effect.andThen(Effect.sleep(10), sql`SELECT 1 FROM millrace.outbox WHERE stream = ${stream.name} LIMIT 1`),
            { until: (rows) => rows.length === 0 }
          )
        )
      )
      yield* Scope.close(scope, Exit.void)
      yield* removeStream(connection, stream.name)
      return count / seconds
    })
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
    const relay = figureOf(figures, "relay")
    return {
      figures,
      verdicts: [bound(relay, "≥", 25_000), ratio(relay, figureOf(figures, "js.publish, 1,000 in flight"), 1.5)],
      settings: `${count} events of ${bytes} B, batches of 1,000, message ids on both sides; start-up of the relay included`
    }
  })
}
