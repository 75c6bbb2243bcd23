import type { StoredEvent } from "./Envelope.ts"

/** One failed attempt at an event: when, which, by which instance, and why. */
export interface FailedAttempt {
  /** 1 for the first. */
  readonly attempt: number
  /** Milliseconds since 1970, by the clock of the instance. */
  readonly atMs: number
  readonly tag: string
  readonly message: string
  readonly instance: string
}

/** Failed attempts that are kept of an event, the newest. */
export const attemptsKeptMax = 20

/** Why an event was set aside or given up: the last error, and what was tried before. */
export interface ParkReason {
  readonly tag: string
  readonly message: string
  /** The failure's stack trace, shortened; empty when it has none. */
  readonly stack: string
  readonly attempts: number
  /** The newest failed attempts, oldest first. */
  readonly history: ReadonlyArray<FailedAttempt>
  /** Milliseconds until the next attempt; undefined: it was given up, and waits for somebody. */
  readonly retryInMs: number | undefined
}

/** Why an event is parked without any attempt of its handler's having failed. */
export const reasonWithoutAttempt = (tag: string, message: string): ParkReason => ({
  tag,
  message,
  stack: "",
  attempts: 0,
  history: [],
  retryInMs: undefined
})

/** An event put aside. Only the first of a key has a reason; the others wait behind it. */
export interface ParkedEvent {
  readonly event: StoredEvent
  readonly reason: ParkReason | undefined
  /** Without an order nothing waits behind it: it is put aside under a name of its own. */
  readonly alone?: true
}

/** The name an event is put aside under: its key, or `user-7@5` for version 5 of `user-7` when it is put aside alone. */
export const parkedAs = ({ alone, event: { key, version } }: ParkedEvent): string =>
  alone === true ? `${key}@${version}` : key

/** What becomes of a key. `parked`: given up, waits for somebody. `retrying`: its next attempt comes by itself, or somebody asked for a replay. */
export type ParkedStatus = "parked" | "retrying"

/**
 * A key that one handler has put aside: the failing event, and behind it all that arrived since. A balanced handler puts
 * single events aside, each under a name of its own (`user-7@5`), which is what `key` says then.
 */
export interface ParkedKey {
  readonly handler: string
  readonly key: string
  readonly partition: number
  readonly status: ParkedStatus
  /** Raised by every act on the key; part of the idempotency key, so that nobody takes a replay for a repetition. */
  readonly generation: number
  /** Attempts at the first event, in this generation. */
  readonly attempts: number
  /** When the next attempt is due, in milliseconds since 1970; undefined when parked. */
  readonly dueAtMs: number | undefined
  readonly reason: { readonly tag: string; readonly message: string; readonly stack: string }
  readonly history: ReadonlyArray<FailedAttempt>
  readonly parkedAtMs: number
  /** Events put aside, the failing one included. */
  readonly events: number
  /** The failing event; undefined when everything was discarded and the key is about to go on. */
  readonly first: { readonly version: number; readonly type: string; readonly traceparent: string } | undefined
}

/** An event of a parked key as people see it. */
export interface ParkedEventDetail {
  readonly event: StoredEvent
  /** What it said before it was edited; undefined when it never was. */
  readonly original: string | undefined
}

/** What somebody did to a parked key. */
export type ParkingActName = "replay" | "edit" | "skip" | "discard"

/** An act, as it is kept for ever: who, when, what, before and after. */
export interface ParkingAct {
  readonly act: ParkingActName
  readonly handler: string
  readonly key: string
  /** The event it was done to; undefined when to all of them. */
  readonly version: number | undefined
  readonly actor: string
  readonly why: string
  readonly atMs: number
  /** Payloads, one JSON text each. */
  readonly before: string | undefined
  readonly after: string | undefined
}
