import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Inbox, type InboxCommit, type KeyProgress } from "../../pipeline/Inbox.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import { inTransaction } from "./PgTransactor.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/**
 * The inbox in Postgres.
 *
 * Guarantees: effects, key progress, parked events and cursor are one transaction. The fence is the last statement:
 * first it would lock the lease for the handler's whole run and block its owner's own renewal. Keys are sorted in every
 * upsert, so that a zombie and its successor cannot deadlock.
 */
export const layer: Layer.Layer<Inbox, never, SqlClient.SqlClient> = Layer.effect(
  Inbox,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    const progress = Effect.fnUntraced(function* (stream: string, handler: string, keys: ReadonlyArray<string>) {
      const rows = yield* sql<{ readonly key: string; readonly version: bigint; readonly parked: boolean }>`
        SELECT key, version, parked FROM millrace.progress
        WHERE stream = ${stream} AND handler = ${handler} AND key = ANY(${keys}::text[])`
      const known = new Map(rows.map((row) => [row.key, { version: Number(row.version), parked: row.parked }]))
      return keys.map((key): KeyProgress => known.get(key) ?? { version: 0, parked: false })
    }, asStoreUnavailable("Inbox.progress"))

    // Applies only to keys that are where this worker left them; one that is not means another owner was here.
    const moveProgress = Effect.fnUntraced(function* ({ claim, moves }: InboxCommit) {
      if (moves.length === 0) return
      const sorted = moves.toSorted((a, b) => (a.key < b.key ? -1 : 1))
      const rows = yield* sql`
        INSERT INTO millrace.progress AS p (stream, handler, key, version, parked)
        SELECT ${claim.stream}, ${claim.handler}, m.key, m.upto, m.parked
        FROM unnest(${sorted.map((m) => m.key)}::text[], ${sorted.map((m) => m.to)}::bigint[], ${sorted.map((m) => m.parked)}::boolean[])
          AS m(key, upto, parked)
        ORDER BY m.key
        ON CONFLICT (stream, handler, key) DO UPDATE SET version = excluded.version, parked = p.parked OR excluded.parked
          WHERE p.version < excluded.version
        RETURNING 1`
      if (rows.length !== moves.length) return yield* lost(claim)
    })

    const park = Effect.fnUntraced(function* ({ claim, parked }: InboxCommit) {
      if (parked.length === 0) return
      const events = parked.map((one) => one.event)
      const reasons = parked.map((one) => one.reason)
      yield* sql`
        INSERT INTO millrace.parked_event (stream, handler, key, version, event_id, type, traceparent, payload, seq,
          outbox_id, reason_tag, reason_message, attempts)
        SELECT ${claim.stream}, ${claim.handler}, x.* FROM unnest(
          ${events.map((e) => e.key)}::text[], ${events.map((e) => e.version)}::bigint[], ${events.map((e) => e.eventId)}::uuid[],
          ${events.map((e) => e.type)}::text[], ${events.map((e) => e.traceparent)}::text[], ${events.map((e) => e.payload)}::text[],
          ${events.map((e) => e.seq)}::bigint[], ${events.map((e) => e.outboxId)}::bigint[],
          ${reasons.map((r) => r?.tag ?? null)}::text[], ${reasons.map((r) => r?.message ?? null)}::text[],
          ${reasons.map((r) => r?.attempts ?? null)}::int[]) AS x`
    })

    const recordViolations = ({ claim, violations }: InboxCommit) =>
      Effect.forEach(
        violations,
        ({ event, handledVersion }) => sql`
          INSERT INTO millrace.order_violation (stream, handler, key, handled_version, version, seq, epoch)
          VALUES (${claim.stream}, ${claim.handler}, ${event.key}, ${handledVersion}, ${event.version}, ${event.seq}, ${claim.epoch})`,
        { discard: true }
      )

    const fence = Effect.fnUntraced(function* ({ claim, cursorFrom, cursorTo }: InboxCommit) {
      const rows = yield* sql`
        UPDATE millrace.lease SET cursor = ${cursorTo}
        WHERE stream = ${claim.stream} AND handler = ${claim.handler} AND partition = ${claim.partition}
          AND epoch = ${claim.epoch} AND cursor = ${cursorFrom}
        RETURNING 1`
      if (rows.length !== 1) return yield* lost(claim)
    })

    const record = Effect.fnUntraced(function* (commit: InboxCommit) {
      yield* moveProgress(commit)
      yield* park(commit)
      yield* recordViolations(commit)
      yield* fence(commit)
    }, asStoreUnavailable("Inbox.commit"))

    return Inbox.of({
      progress,
      commit: (commit, effects) =>
        inTransaction(sql, "Inbox.commit", Effect.andThen(effects, record(commit))).pipe(
          Effect.withSpan("Inbox.commit", { attributes: { handler: commit.claim.handler, partition: commit.claim.partition } })
        )
    })
  })
)

const lost = ({ epoch, handler, partition }: InboxCommit["claim"]) =>
  Effect.fail(new LeaseLost({ lease: `${handler}/${partition}`, epoch }))
