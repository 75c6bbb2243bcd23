import { Result } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import { appendedAtMsOf } from "./EventTime.ts"
import type { Delivery, Handler } from "./Handler.ts"
import type { InboxCommit, KeyProgress, OrderViolation, ProgressMove } from "./Inbox.ts"
import { type ParkedEvent, type ParkReason, reasonWithoutAttempt } from "./Parked.ts"
import { reasonUnreadable } from "./newerEvents.ts"
import { verdict } from "./Sequence.ts"

/** What is to be done with a received event. `skip`: handled before. `pass`: not one of the handler's types. */
export type Action =
  | { readonly _tag: "run"; readonly delivery: Delivery<unknown> }
  | { readonly _tag: "skip" }
  | { readonly _tag: "pass" }
  | { readonly _tag: "park"; readonly reason: ParkReason | undefined; readonly gapAfter: number | undefined }

/** An event in hand, from its delivery to its commit. */
export interface Entry {
  readonly stored: StoredEvent
  readonly lane: Lane
  /** Attempts at it that were never heard of again, their process having ended; undefined when it is above suspicion. */
  readonly suspicion: number | undefined
  action: Action
  /** Whether a handler has seen it, whatever came of it. */
  tried: boolean
  done: boolean
}

/** One key's events in hand, in order. `busy`: it is ready, running or waiting for a retry, in exactly one place. */
export interface Lane {
  readonly key: string
  /** Last version that entered the lane. */
  received: number
  /** Last version in the store. */
  committed: number
  /** Events from this version on are parked. */
  parkedFrom: number
  readonly queue: Array<Entry>
  busy: boolean
  /** Failed attempts of the head. */
  failures: number
}

/** Lanes of keys without work are forgotten beyond this many; their progress is read again when they come back. */
export const lanesIdleMax = 20_000

/**
 * What a worker has in hand of one partition: a lane per key, and the window of events between the cursor and the last
 * delivery. Pure bookkeeping, used by one partition's fibers; nothing here waits.
 *
 * Guarantees: a key's events leave its lane in order; the cursor passes an event only after it is done.
 */
export class Lanes {
  readonly #handler: Handler
  readonly #onReady: (lane: Lane) => void
  readonly #suspicionOf: (stored: StoredEvent) => number | undefined
  readonly #lanes = new Map<string, Lane>()
  #window: Array<Entry> = []
  /** Everything up to here is committed. */
  cursor: number

  constructor(
    handler: Handler,
    cursor: number,
    onReady: (lane: Lane) => void,
    suspicionOf: (stored: StoredEvent) => number | undefined = () => undefined
  ) {
    this.#suspicionOf = suspicionOf
    this.#handler = handler
    this.#onReady = onReady
    this.cursor = cursor
  }

  /** Events in hand. */
  get size() {
    return this.#window.length
  }

  /** When the oldest event in hand was appended; undefined when there is none. */
  get oldestAppendedAtMs() {
    const oldest = this.#window.find((entry) => !entry.done)
    return oldest === undefined ? undefined : appendedAtMsOf(oldest.stored.eventId)
  }

  /** Keys of events in hand that are not done, of the oldest first. */
  oldestKeys(keysMax: number): ReadonlyArray<string> {
    const keys = new Set<string>()
    for (const { done, stored } of this.#window) {
      if (keys.size >= keysMax) break
      if (!done) keys.add(stored.key)
    }
    return [...keys]
  }

  /** The keys whose progress has to be read before these events can be accepted. Forgets idle lanes when there are too many. */
  unknownKeys(events: ReadonlyArray<StoredEvent>): ReadonlyArray<string> {
    if (this.#lanes.size >= lanesIdleMax) this.#forgetIdle()
    return [...new Set(events.map((event) => event.key))].filter((key) => !this.#lanes.has(key))
  }

  open(key: string, progress: KeyProgress) {
    const parkedFrom = progress.parked ? 0 : Number.POSITIVE_INFINITY
    const { version } = progress
    this.#lanes.set(key, {
      key,
      received: version,
      committed: version,
      parkedFrom,
      queue: [],
      busy: false,
      failures: 0
    })
  }

  /** Whether the key's progress was read. */
  isOpen(key: string) {
    return this.#lanes.has(key)
  }

  /**
   * Takes a lane of which nothing is in hand: what arrives waits in its queue until it is released. Undefined while
   * something is, also when that is done and not yet committed, or when it was never opened.
   */
  hold(key: string): Lane | undefined {
    const lane = this.#lanes.get(key)
    if (lane === undefined || lane.busy || lane.committed !== lane.received) return undefined
    lane.busy = true
    return lane
  }

  /** Gives a held lane back, with what has arrived meanwhile. `returned`: its key is no longer put aside. */
  release(lane: Lane, returned: boolean) {
    // Something that came meanwhile may have to be parked, and what is behind it with it.
    const toPark = lane.queue.filter(({ action }) => action._tag === "park").map(({ stored }) => stored.version)
    if (returned) lane.parkedFrom = Math.min(Number.POSITIVE_INFINITY, ...toPark)
    if (lane.queue.length > 0) this.#onReady(lane)
    else lane.busy = false
  }

  /** Takes an event in, behind the earlier ones of its key. False when its lane was never opened; then nothing happened. */
  accept(stored: StoredEvent): boolean {
    const lane = this.#lanes.get(stored.key)
    if (lane === undefined) return false
    const suspicion = this.#suspicionOf(stored)
    const action = actionOf(this.#handler, lane, stored, suspicion ?? 0)
    const entry: Entry = { stored, lane, suspicion, action, tried: false, done: false }
    lane.received = Math.max(lane.received, stored.version)
    if (entry.action._tag === "park") lane.parkedFrom = Math.min(lane.parkedFrom, stored.version)
    this.#window.push(entry)
    lane.queue.push(entry)
    if (!lane.busy) {
      lane.busy = true
      this.#onReady(lane)
    }
    return true
  }

  /** What a commit of these finished entries writes. */
  plan(claim: InboxCommit["claim"], entries: ReadonlyArray<Entry>): InboxCommit {
    for (const entry of entries) entry.done = true
    const parked = entries.flatMap(parkedOf)
    return {
      claim,
      cursorFrom: this.cursor,
      cursorTo: this.#reach(),
      moves: movesOf(entries),
      parked,
      violations: entries.flatMap(violationOf)
    }
  }

  /** The plan did not happen. */
  undo(entries: ReadonlyArray<Entry>) {
    for (const entry of entries) entry.done = false
  }

  /** The plan was committed. */
  settle(plan: InboxCommit) {
    for (const move of plan.moves) {
      const lane = this.#lanes.get(move.key)
      if (lane !== undefined) lane.committed = move.to
    }
    this.cursor = plan.cursorTo
    this.#window = this.#window.filter((entry) => entry.stored.seq > plan.cursorTo)
  }

  #reach(): number {
    const pending = this.#window.findIndex((entry) => !entry.done)
    const last = this.#window[(pending === -1 ? this.#window.length : pending) - 1]
    return last === undefined ? this.cursor : last.stored.seq
  }

  #forgetIdle() {
    for (const [key, lane] of this.#lanes) {
      if (!lane.busy && lane.committed === lane.received) this.#lanes.delete(key)
    }
  }
}

/** The action of an entry now: what waits behind a parked event is parked too. */
export const currentAction = (entry: Entry): Action =>
  entry.action._tag === "run" && entry.stored.version >= entry.lane.parkedFrom ? parkedBehind : entry.action

/** The number of the attempt that is about to be made. */
export const attemptOf = (entry: Entry): number =>
  entry.lane.failures + 1 + (entry.suspicion === undefined || entry.suspicion === 0 ? 0 : entry.suspicion + 1)

const parkedBehind: Action = { _tag: "park", reason: undefined, gapAfter: undefined }

const actionOf = (handler: Handler, lane: Lane, stored: StoredEvent, suspicion: number): Action => {
  const place = verdict(lane.received, stored.version)
  if (place === "duplicate") return { _tag: "skip" }
  if (place === "gap") {
    const message = `version ${stored.version} arrived after ${lane.received}`
    return { _tag: "park", reason: reasonWithoutAttempt("OrderViolation", message), gapAfter: lane.received }
  }
  if (!handler.types.has(stored.type)) return { _tag: "pass" }
  // The first of the attempts that ended their process was not noted; and one that was may have been made by another event
  // of its batch, so one is never enough.
  if (suspicion >= Math.max(2, handler.retry.attemptsMax - 1)) {
    const message = `its process ended during each of ${suspicion + 1} attempts`
    return { _tag: "park", reason: reasonWithoutAttempt("ProcessEnded", message), gapAfter: undefined }
  }
  return Result.match(handler.decode(stored), {
    onFailure: (error) => ({
      _tag: "park",
      reason: reasonUnreadable(error),
      gapAfter: undefined
    }),
    onSuccess: (event) => ({ _tag: "run", delivery: deliveryOf(handler, stored, event, 0) })
  })
}

/** An event as its handler gets it. A generation is raised by every act of an operator on the key. */
export const deliveryOf = (
  handler: Handler,
  stored: StoredEvent,
  event: unknown,
  generation: number
): Delivery<unknown> => ({
  event,
  eventId: stored.eventId,
  type: stored.type,
  key: stored.key,
  version: stored.version,
  attempt: 1,
  idempotencyKey: `${handler.name}:${stored.eventId}:${generation}`,
  traceparent: stored.traceparent
})

const parkedOf = (entry: Entry): ReadonlyArray<ParkedEvent> => {
  const action = currentAction(entry)
  return action._tag === "park" ? [{ event: entry.stored, reason: action.reason }] : []
}

const violationOf = (entry: Entry): ReadonlyArray<OrderViolation> =>
  entry.action._tag === "park" && entry.action.gapAfter !== undefined
    ? [{ event: entry.stored, handledVersion: entry.action.gapAfter }]
    : []

const versionBefore = ({ action, stored }: Entry) =>
  action._tag === "park" && action.gapAfter !== undefined ? action.gapAfter : stored.version - 1

const movesOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<ProgressMove> => {
  const moves = new Map<string, ProgressMove>()
  for (const entry of entries) {
    if (entry.action._tag === "skip") continue
    const { lane, stored } = entry
    const before = moves.get(lane.key)
    const parked = before?.parked === true || currentAction(entry)._tag === "park"
    // From where its first event says, not from where the lane is: a hole between the two must be refused by the store.
    moves.set(lane.key, { key: lane.key, from: before?.from ?? versionBefore(entry), to: stored.version, parked })
  }
  return [...moves.values()]
}
