import { Context, type Effect, type Option } from "effect"
import type { ParkedEventDetail, ParkedKey, ParkedStatus, ParkingAct } from "./Parked.ts"
import type { StoreUnavailable } from "./PipelineError.ts"

/** Which parked keys are meant. What is left out does not narrow. */
export interface ParkedFilter {
  readonly handler?: string | undefined
  /** The name under which it is parked, or the key of its events. */
  readonly key?: string | undefined
  readonly tag?: string | undefined
  readonly status?: ParkedStatus | undefined
  /** Parked for at least so long. */
  readonly olderThanMs?: number | undefined
}

/**
 * What has parked it, and the name it is parked under: its key, or `key@version` for a single event of a balanced handler.
 */
export interface ParkedName {
  readonly handler: string
  readonly key: string
}

/** Where a page of parked keys ended, whether that key is still there or not. */
export interface ParkedPlace extends ParkedName {
  readonly parkedAtMs: number
}

/** A parked key by its name, and the version of the event that is meant: its first. */
export interface FirstParked extends ParkedName {
  readonly version: number
}

/** Who does it, and why: kept in the record of every act. Not authenticated: it is what they say. */
export interface Actor {
  readonly actor: string
  readonly why: string
}

/** When replays begin: the first after so long, the others one after the other. */
export interface Pace {
  readonly afterMs: number
  readonly everyMs: number
}

/** All of them now. */
export const atOnce: Pace = { afterMs: 0, everyMs: 0 }

/** A parked key with its oldest events, and what was done to it so far, newest first. */
export interface ParkedDetail {
  readonly parked: ParkedKey
  readonly events: ReadonlyArray<ParkedEventDetail>
  readonly acts: ReadonlyArray<ParkingAct>
}

/** Keys one act may be done to in one transaction. */
export const keysPerActMax = 500

/** Acts shown of a key. */
export const actsShownMax = 50

/**
 * What people do with parked keys.
 *
 * Guarantees: an act and its record are one transaction. None of them runs a handler or lets a key go on by itself: the
 * owner of its partition does, in order, when it sees the act. Each answers for the keys in the order they were given:
 * false means that there was nothing (left) to do it to.
 */
export class ParkingDesk extends Context.Service<
  ParkingDesk,
  {
    /** The oldest first; `after` is the end of the page before. */
    readonly list: (
      stream: string,
      filter: ParkedFilter,
      keysMax: number,
      after?: ParkedPlace
    ) => Effect.Effect<ReadonlyArray<ParkedKey>, StoreUnavailable>
    /** The same, only by their names: all at once, for acts on many. Keys with nothing left are left out. */
    readonly names: (
      stream: string,
      filter: ParkedFilter,
      keysMax: number
    ) => Effect.Effect<ReadonlyArray<FirstParked>, StoreUnavailable>
    /** How many keys the filter means. */
    readonly count: (stream: string, filter: ParkedFilter) => Effect.Effect<number, StoreUnavailable>
    readonly show: (
      stream: string,
      name: ParkedName,
      eventsMax: number
    ) => Effect.Effect<Option.Option<ParkedDetail>, StoreUnavailable>
    readonly event: (
      stream: string,
      name: ParkedName,
      version: number
    ) => Effect.Effect<Option.Option<ParkedEventDetail>, StoreUnavailable>
    /** All events of the key are tried again, in order, under a new generation. */
    readonly replay: (
      stream: string,
      names: ReadonlyArray<ParkedName>,
      pace: Pace,
      by: Actor
    ) => Effect.Effect<ReadonlyArray<boolean>, StoreUnavailable>
    /** Takes the failing event out, and replays what is behind it. False also when it is not the first (any more). */
    readonly skip: (
      stream: string,
      names: ReadonlyArray<FirstParked>,
      by: Actor
    ) => Effect.Effect<ReadonlyArray<boolean>, StoreUnavailable>
    /** Takes all events of the key out that are there now. What comes later is handled as ever. */
    readonly discard: (
      stream: string,
      names: ReadonlyArray<ParkedName>,
      by: Actor
    ) => Effect.Effect<ReadonlyArray<boolean>, StoreUnavailable>
    /** Replaces the payload of one event. The first edit keeps the original; checking the payload is the caller's. */
    readonly edit: (
      stream: string,
      name: ParkedName,
      version: number,
      payload: string,
      by: Actor
    ) => Effect.Effect<boolean, StoreUnavailable>
  }
>()("millrace/pipeline/ParkingDesk") {}
