import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Inbox, type InboxCommit, type KeyProgress } from "../../pipeline/Inbox.ts"
import { LeaseLost, TransactionIdle } from "../../pipeline/PipelineError.ts"
import { whenTraced } from "../../pipeline/Trace.ts"
import { bigints } from "./parameters.ts"
import { parkEvents } from "./parkEvents.ts"
import { inTransaction } from "./PgTransactor.ts"
import { asStoreUnavailable, isIdleEnd } from "./sqlFailure.ts"

const progress = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string, handler: string, keys: ReadonlyArray<string>) {
    const rows = yield* sql<{ readonly key: string; readonly version: bigint; readonly parked: boolean }>`
    SELECT key, version, parked FROM millrace.progress
    WHERE stream = ${stream} AND handler = ${handler} AND key = ANY(${keys}::text[])`
    const known = new Map(rows.map((row) => [row.key, { version: Number(row.version), parked: row.parked }]))
    return keys.map((key): KeyProgress => known.get(key) ?? { version: 0, parked: false })
  }, asStoreUnavailable("Inbox.progress"))

const recordViolations =
  (sql: SqlClient.SqlClient) =>
  ({ claim, violations }: InboxCommit) =>
    Effect.forEach(
      violations,
      ({ event, handledVersion }) => sql`
      INSERT INTO millrace.order_violation (stream, handler, key, handled_version, version, seq, epoch)
      VALUES (${claim.stream}, ${claim.handler}, ${event.key}, ${handledVersion}, ${event.version}, ${event.seq}, ${claim.epoch})`,
      { discard: true }
    )

// One statement for any number of partitions. Each plan answers for itself, by its place in the call: two of one partition
// may come together, of an earlier and of the present opening. Leases are locked in one sequence, as the heartbeat locks them too;
// a key moves only if its partition's fence held, and only forward: what is not behind has another owner. Keys are looked up
// one by one: joined, a wrong guess at their number made the planner read all of a handler's keys in every commit.
const moveAll = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (commits: ReadonlyArray<InboxCommit>) {
    const stream = commits[0]?.claim.stream ?? ""
    const claims = commits.map((one) => one.claim)
    const moves = commits.flatMap(({ claim, moves: own }, i) => own.map((move) => ({ ...move, ...claim, i })))
    const rows = yield* sql<{ readonly i: number; readonly moved: bigint }>`
    WITH asked AS (
      SELECT * FROM unnest(${claims.map((c) => c.handler)}::text[], ${claims.map((c) => c.partition)}::int[],
        ${bigints(claims.map((c) => c.epoch))}::bigint[], ${bigints(claims.map((c) => c.opening))}::bigint[],
        ${bigints(commits.map((c) => c.cursorFrom))}::bigint[], ${bigints(commits.map((c) => c.cursorTo))}::bigint[], ${claims.map((_, i) => i)}::int[])
        AS a(handler, partition, epoch, opening, cursor_from, cursor_to, i)
    ), held AS (
      SELECT a.i FROM millrace.lease l JOIN asked a
        ON l.handler = a.handler AND l.partition = a.partition AND l.epoch = a.epoch AND l.opening = a.opening
          AND l.cursor = a.cursor_from
      WHERE l.stream = ${stream} ORDER BY l.handler, l.partition FOR UPDATE OF l
    ), moves AS (
      SELECT * FROM unnest(${moves.map((m) => m.handler)}::text[], ${moves.map((m) => m.i)}::int[],
        ${moves.map((m) => m.key)}::text[], ${bigints(moves.map((m) => m.from))}::bigint[], ${bigints(moves.map((m) => m.to))}::bigint[],
        ${moves.map((m) => m.parked)}::boolean[]) AS m(handler, i, key, since, upto, parked)
    ), overtaken AS (
      SELECT DISTINCT m.i FROM moves m WHERE m.since <> coalesce((SELECT p.version FROM millrace.progress p
        WHERE p.stream = ${stream} AND p.handler = m.handler AND p.key = m.key), 0)
    ), fenced AS (
      UPDATE millrace.lease l SET cursor = a.cursor_to FROM asked a JOIN held h USING (i)
      WHERE l.stream = ${stream} AND l.handler = a.handler AND l.partition = a.partition
        AND l.epoch = a.epoch AND l.opening = a.opening AND l.cursor = a.cursor_from
        AND NOT EXISTS (SELECT 1 FROM overtaken o WHERE o.i = a.i)
      RETURNING a.i
    ), moved AS (
      INSERT INTO millrace.progress AS p (stream, handler, key, version, parked)
      SELECT ${stream}, m.handler, m.key, m.upto, m.parked FROM moves m JOIN fenced f USING (i)
      ORDER BY m.handler, m.key
      ON CONFLICT (stream, handler, key) DO UPDATE SET version = excluded.version, parked = p.parked OR excluded.parked
        WHERE p.version < excluded.version
      RETURNING 1
    )
    SELECT i, (SELECT count(*) FROM moved) AS moved FROM fenced`
    const fenced = new Set(rows.map((row) => row.i))
    const landed = claims.map((_, i) => fenced.has(i))
    return { landed, moved: Number(rows[0]?.moved ?? 0), wanted: moves.length }
  })

const record = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (commits: ReadonlyArray<InboxCommit>) {
    for (const commit of commits) {
      const { handler, partition, stream } = commit.claim
      yield* parkEvents(sql)({ stream, handler, partitionOf: () => partition }, commit.parked)
      yield* recordViolations(sql)(commit)
    }
    const { landed, moved, wanted } = yield* moveAll(sql)(commits)
    const [first] = commits
    // A commit of these very events may have landed after this statement looked: then its keys did not move again.
    const fenced = moved === wanted ? commits.find((_, i) => landed[i] !== true) : first
    if (fenced !== undefined) return yield* lost(fenced.claim)
  }, asStoreUnavailable("Inbox.commit"))

/**
 * The inbox in Postgres.
 *
 * Guarantees: effects, key progress, parked events and cursor are one transaction. The fence is in the last statement:
 * first it would lock the lease for the handler's whole run and block its owner's own renewal. Leases and keys are
 * sorted wherever several are touched, so that a zombie, its successor and the heartbeat cannot deadlock.
 */
export const layer: Layer.Layer<Inbox, never, SqlClient.SqlClient> = Layer.effect(
  Inbox,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    const commitAll = <E, R>(commits: ReadonlyArray<InboxCommit>, effects: Effect.Effect<void, E, R>) =>
      inTransaction(sql, "Inbox.commit", Effect.andThen(effects, record(sql)(commits))).pipe((commit) =>
        whenTraced(commit, "Inbox.commit", () => ({
          attributes: { handler: commits[0]?.claim.handler, partitions: commits.length }
        }))
      )

    return Inbox.of({
      progress: progress(sql),
      commitGroup: (commits) =>
        moveAll(sql)(commits).pipe(
          Effect.map(({ landed }) => landed),
          asStoreUnavailable("Inbox.commitGroup")
        ),
      // A session that was ended for its idleness had not begun to commit, so nothing is in doubt.
      commit: (commits, effects) =>
        Effect.catchIf(commitAll(commits, effects), isIdleEnd, () =>
          Effect.fail(new TransactionIdle({ handler: commits[0]?.claim.handler ?? "" }))
        ),
      commitOne: (commit) => commitAll([commit], Effect.void)
    })
  })
)

const lost = ({ epoch, handler, partition }: InboxCommit["claim"]) =>
  Effect.fail(new LeaseLost({ lease: `${handler}/${partition}`, epoch }))
