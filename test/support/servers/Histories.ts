/** What Postgres says of the order of everything that was handled, against what was committed. */
import { Effect, Redacted } from "effect"
import { type EffectRecord, judge, type Judgement } from "../../../src/pipeline/Oracle.ts"
import { query } from "../../infra/embedded/Clients.ts"

const historyRows = `SELECT json_agg(json_build_object('key', o.user_id, 'version', h.version, 'eventId', h.event_id, 'position', h.n)
  ORDER BY h.n)::text AS rows FROM order_history h JOIN orders o USING (order_id)`

const headRows = `SELECT json_agg(json_build_array(key, version))::text AS rows FROM millrace.head`

const rowsOf = Effect.fnUntraced(function* (databaseUrl: string, text: string) {
  const [row] = yield* query(Redacted.make(databaseUrl), text)
  return JSON.parse(String(Object.values(row ?? {})[0] ?? "[]"))
})

/** The read model wrote every event of every user once, in its order; `phantom`, `lost` and the like otherwise. */
export const judgeHistory: (databaseUrl: string) => Effect.Effect<Judgement> = Effect.fnUntraced(function* (
  databaseUrl: string
) {
  const effects: ReadonlyArray<EffectRecord> = yield* rowsOf(databaseUrl, historyRows)
  const heads: ReadonlyArray<readonly [string, number]> = yield* rowsOf(databaseUrl, headRows)
  return judge(new Map(heads), effects)
}, Effect.orDie)
