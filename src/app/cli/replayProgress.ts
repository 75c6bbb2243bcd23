import { Clock, Effect, Schedule } from "effect"
import type { OpsClient } from "./OpsClient.ts"
import { exitCode, ExitWith } from "./exitCodes.ts"
import { asking, type OpsOptions } from "./opsFlags.ts"
import { say } from "./Output.ts"
import { progressLine } from "./progressLine.ts"

type ListQuery = Parameters<OpsClient["Service"]["parked"]["list"]>[0]["query"]

/** What a replay is waited for. */
export interface Replayed {
  readonly filter: ListQuery
  readonly keys: number
  readonly ratePerSecond: number
}

/** How long keys may take beyond their turn: an attempt, and a few more behind it. */
const patienceMs = 60_000

/**
 * Until each key had its turn: one live line on a terminal, a plain line every 5 s elsewhere. Ends with 12 when some of this
 * kind are parked, for they were parked again, and with 13 when it takes too long. The replay itself needs nobody to wait.
 */
export const waitForReplay = Effect.fnUntraced(function* (options: OpsOptions, replayed: Replayed) {
  const { filter, keys, ratePerSecond } = replayed
  const line = yield* progressLine
  const startMs = yield* Clock.currentTimeMillis
  const deadlineMs = startMs + (keys / ratePerSecond) * 1_000 + patienceMs
  const left = yield* countOf(options, { ...filter, status: "retrying" }).pipe(
    Effect.tap((waiting) => line(`${Math.max(0, keys - waiting)} of ${keys} keys had their turn`)),
    Effect.repeat({
      until: (waiting) => Effect.map(Clock.currentTimeMillis, (nowMs) => waiting === 0 || nowMs > deadlineMs),
      schedule: Schedule.spaced("1 second")
    })
  )
  const parked = yield* countOf(options, { ...filter, status: "parked" })
  yield* say(`${parked} of this kind are parked now${left === 0 ? "" : `; ${left} still wait for their turn`}`)
  if (left > 0) return yield* new ExitWith({ code: exitCode.timedOut })
  if (parked > 0) return yield* new ExitWith({ code: exitCode.parkedRemain })
})

const countOf = (options: OpsOptions, query: ListQuery) =>
  Effect.map(
    asking(options, (ops) => ops.parked.list({ query: { ...query, limit: 1 } })),
    ({ total }) => total
  )
