/** What a receiver of pushes can tell about their order. */
import { Schema } from "effect"
import { type EffectRecord, judge, type Judgement } from "../../../src/pipeline/Oracle.ts"
import type { ReceivedPush } from "./Receivers.ts"

const Body = Schema.Struct({ userId: Schema.String, eventId: Schema.String, version: Schema.Int })

const decodeBody = Schema.decodeUnknownSync(Body)

/** The first push of each event, in the order they came. A crash may repeat a push, under the same idempotency key. */
export const firstPushes = (pushes: ReadonlyArray<ReceivedPush>): ReadonlyArray<EffectRecord> => {
  const seen = new Map<string, EffectRecord>()
  pushes.forEach((push, position) => {
    const { eventId, userId: key, version } = decodeBody(push.body)
    const idempotencyKey = String(push.headers["idempotency-key"])
    if (!seen.has(idempotencyKey)) seen.set(idempotencyKey, { key, version, eventId, position })
  })
  return [...seen.values()]
}

/** Per user 1, 2, 3 … in that order and without gaps, each under one idempotency key. */
export const judgePushes = (pushes: ReadonlyArray<ReceivedPush>): Judgement => {
  const first = firstPushes(pushes)
  const committed = new Map<string, number>()
  for (const { key, version } of first) committed.set(key, Math.max(version, committed.get(key) ?? 0))
  return judge(committed, first)
}
