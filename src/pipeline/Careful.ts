import { Effect } from "effect"
import { CrashLog } from "./CrashLog.ts"
import { EventLog } from "./EventLog.ts"
import type { Entry } from "./Lanes.ts"
import type { Claim } from "./Ownership.ts"
import type { Suspicion } from "./Suspicion.ts"
import { NotBegun } from "./NotBegun.ts"
import type { StoredEvent } from "./Envelope.ts"

/** What an opening of a partition knows about events that may have ended a process. */
export interface Careful {
  /** How many attempts at the event were never heard of again; undefined when it is above suspicion. */
  readonly suspicionOf: (stored: StoredEvent) => number | undefined
  /**
   * Notes an attempt at those of these that are under suspicion for as long as it takes. What was begun before and never
   * heard of again is run with no other of that kind beside it in this process: should it end now, it is known by what.
   */
  readonly guard: <A, E, R>(
    entries: ReadonlyArray<Entry>,
    attempt: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | NotBegun, R>
  /** Everything up to here is committed. */
  readonly passed: (cursor: number) => Effect.Effect<void>
}

/** In a partition that was given back in order nothing is under suspicion. */
export const carefree: Careful = {
  suspicionOf: () => undefined,
  guard: (_, attempt) => attempt,
  passed: () => Effect.void
}

/** Events that may have been in hand when the owner before ended, at most: what a partition's window holds. */
export interface CarefulOptions {
  readonly eventsMax: number
  readonly suspicion: Suspicion
  readonly done: () => void
}

/**
 * For a partition whose owner before has not given it back: one of the events it had in hand may be what ended it. Those
 * are the next ones, as many as a window holds, and none that was published since.
 */
export const makeCareful = Effect.fnUntraced(function* (claim: Claim, { done, eventsMax, suspicion }: CarefulOptions) {
  const crashes = yield* CrashLog
  const { lastSeq } = yield* (yield* EventLog).info(claim.stream)
  const known = new Map((yield* crashes.read(claim)).map((one) => [placeOf(one), one.attempts]))
  const state = { seen: 0, endSeq: lastSeq, ended: false }

  const suspicionOf = (stored: StoredEvent) => {
    if (stored.seq > state.endSeq) return undefined
    state.seen += 1
    if (state.seen === eventsMax) state.endSeq = stored.seq
    return known.get(placeOf(stored)) ?? 0
  }

  const guard: Careful["guard"] = (entries, attempt) => {
    const suspects = entries.filter((entry) => entry.suspicion !== undefined && entry.action._tag === "run")
    if (suspects.length === 0) return attempt
    const events = suspects.map(({ stored }) => ({ key: stored.key, version: stored.version }))
    const noted = Effect.acquireUseRelease(
      Effect.mapError(crashes.note(claim, events), (error) => new NotBegun(error)),
      () => attempt,
      // Whatever came of it, the process lives. Should the store be away just now, it counts all the same.
      () => Effect.ignore(crashes.heard(claim, events))
    )
    return suspects.some(isSuspect) ? suspicion.alone(noted) : suspicion.beside(noted)
  }

  const passed = (cursor: number) =>
    Effect.suspend(() => {
      if (state.ended || cursor < state.endSeq) return Effect.void
      state.ended = true
      done()
      // What cannot be cleared now is cleared the next time, or never looked at again.
      return Effect.ignore(crashes.clear(claim))
    })

  yield* passed(claim.cursor)
  return { suspicionOf, guard, passed } satisfies Careful
})

/** Whether it was begun before and nothing was heard of it since. */
export const isSuspect = (entry: Entry): boolean => (entry.suspicion ?? 0) > 0

const placeOf = ({ key, version }: { readonly key: string; readonly version: number }) => `${version} ${key}`
