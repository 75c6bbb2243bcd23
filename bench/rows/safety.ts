import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { transactionalBatch } from "../../src/pipeline/Handler.ts"
import { Inbox } from "../../src/pipeline/Inbox.ts"
import { drainByCursor, filled, freshName, infra } from "../Fixture.ts"
import { figureOf, inTurn, ratio } from "../Measure.ts"
import * as Unfenced from "../peers/unfenced.ts"
import type { Row } from "../Row.ts"

export const safetyRow: Row = {
  number: 11,
  name: "safety",
  what: "epoch, opening, cursor and versions checked in every commit, beside the same loop without",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const sql = Context.get(services, SqlClient.SqlClient)
    yield* sql`CREATE TABLE IF NOT EXISTS bench_effect (key text NOT NULL, version bigint NOT NULL)`
    const events = Math.round(100_000 * size.scale)
    const stream = yield* filled(services, "safety", { events, keys: 1_000, bytes: 512 })
    const unfenced = Context.add(
      services,
      Inbox,
      Context.get(yield* Effect.provideContext(Layer.build(Unfenced.layer), services), Inbox)
    )
    const handler = () =>
      transactionalBatch(stream, freshName("safety"), {}, (deliveries) =>
        Effect.asVoid(sql`INSERT INTO bench_effect SELECT * FROM unnest(${deliveries.map((d) => d.key)}::text[],
          ${deliveries.map((d) => BigInt(d.version))}::bigint[])`)
      )
    const figures = yield* inTurn(
      [
        { name: "as it is", unit: "events/s", run: () => drainByCursor(services, stream, handler(), events) },
        { name: "without", unit: "events/s", run: () => drainByCursor(unfenced, stream, handler(), events) }
      ],
      size
    )
    return {
      figures,
      verdicts: [ratio(figureOf(figures, "as it is"), figureOf(figures, "without"), 0.85)],
      settings: `${events} events of 512 B, 1,000 keys, 16 partitions, an insert per batch; without: effects and one cursor per partition, nothing compared`
    }
  })
}
