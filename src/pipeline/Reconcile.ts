import { Effect } from "effect"
import { EventLog, type LogDeclaration, type LogInfo } from "./EventLog.ts"
import { isKeeping, type Leader } from "./Leader.ts"
import { BrokerRefused } from "./PipelineError.ts"
import { foreignStream, isStreamMissing } from "./RelayDecision.ts"
import { type RelayPosition, RelayStore } from "./RelayStore.ts"
import { learnTopology, reconcileTopology } from "./Repartition.ts"
import { signal } from "./Signals.ts"

/** Headers of a message, at most: what a row may be smaller than the largest message. */
export const headersMaxBytes = 4_096

/** Events of the stream read at a time while reconciling. Usually there are at most as many as one batch has. */
export const reconcileEventsMax = 5_000

/** The one recovery path: the stream above the stored position tells what was published and is not yet deleted. */
export const reconcile = Effect.fnUntraced(function* (leader: Leader, why: string) {
  const log = yield* EventLog
  const store = yield* RelayStore
  const { declaration, lease } = leader
  const stream = declaration.name
  const renewed = yield* store.renew(lease)
  leader.position = renewed.position
  learnTopology(leader, renewed)
  // Before the marks: who sees a longer stream sees the mark in it.
  const first = yield* presentInfo(declaration)
  let position = yield* rewindIfShorter(leader, first)
  const info = yield* reconcileTopology(leader, first)
  let found = 0
  while (position.lastSeq < info.lastSeq || position.streamCreated !== info.created) {
    // What was purged need not be asked for, one message after the other.
    const after = Math.max(position.lastSeq, info.firstSeq - 1)
    const to = { lastSeq: Math.min(info.lastSeq, after + reconcileEventsMax), streamCreated: info.created }
    const refs = yield* log.refs(stream, after, to.lastSeq)
    yield* store.acknowledge(lease, position, to, refs, isKeeping(leader))
    position = to
    found += refs.length
  }
  leader.position = position
  leader.lastSeq = info.lastSeq
  leader.rowMaxBytes = info.messageMaxBytes - headersMaxBytes
  yield* signal({ _tag: "Reconciled", stream, why, found, lastSeq: info.lastSeq })
})

/** What is there, and anew if somebody deleted it: its events are gone, those to come need not be. */
export const presentInfo = Effect.fnUntraced(function* (declaration: LogDeclaration) {
  const log = yield* EventLog
  return yield* log.info(declaration.name).pipe(
    Effect.catchIf(isStreamMissing, () => Effect.andThen(log.declare(declaration), log.info(declaration.name))),
    Effect.catchTag("StreamMismatch", (mismatch) =>
      Effect.fail(new BrokerRefused({ operation: "declare", code: foreignStream, detail: mismatch.message }))
    )
  )
})

/**
 * Cursors go back before anything new takes the lost sequences. A handler may be ahead of the position: it read what was
 * published before the relay could record it. A second look first: an answer may be stale.
 */
const rewindIfShorter = Effect.fnUntraced(function* (leader: Leader, first: LogInfo) {
  const log = yield* EventLog
  const store = yield* RelayStore
  const { position } = leader
  const stream = leader.declaration.name
  const furthest = yield* store.furthestCursor(stream)
  if (!isShorter(position, furthest, first)) return position
  const info = yield* log.info(stream)
  if (!isShorter(position, furthest, info)) return position
  const anew = position.streamCreated !== "" && position.streamCreated !== info.created
  const to = { lastSeq: anew ? 0 : Math.min(position.lastSeq, info.lastSeq), streamCreated: info.created }
  yield* signal({
    _tag: "StreamShrank",
    stream,
    knownSeq: Math.max(position.lastSeq, furthest),
    lastSeq: info.lastSeq
  })
  const back = yield* store.rewind(leader.lease, position, to)
  if (back > 0) yield* signal({ _tag: "KeptRowsReturned", stream, rows: back })
  return to
})

const isShorter = (position: RelayPosition, furthest: number, info: LogInfo) =>
  info.lastSeq < Math.max(position.lastSeq, furthest) ||
  (position.streamCreated !== "" && position.streamCreated !== info.created)
