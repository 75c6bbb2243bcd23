import { Context, type Effect } from "effect"
import type { Control } from "./Control.ts"
import type { Actor } from "./ParkingDesk.ts"
import type { StoreUnavailable } from "./PipelineError.ts"

/** What a control is about. Nothing: all handlers. */
export interface ControlTarget {
  readonly handler?: string
  readonly partition?: number
  readonly instance?: string
}

/** What is changed; what is left out stays as it is. `perSecond` null: no limit. */
export interface ControlChange {
  readonly paused?: boolean
  readonly perSecond?: number | null
  readonly draining?: boolean
}

/** A control, and who asked for it, when and why. */
export interface ControlEntry extends Control {
  readonly actor: string
  readonly why: string
  readonly atMs: number
}

/**
 * The controls after a change; the same array when it was so before. To resume a handler is to resume its partitions too,
 * and without a handler it is to resume everything.
 */
export const changed = (
  before: ReadonlyArray<ControlEntry>,
  target: ControlTarget,
  change: ControlChange,
  by: Actor & { readonly atMs: number }
): ReadonlyArray<ControlEntry> => {
  const { handler, instance, partition } = target
  const isTarget = (one: ControlEntry) =>
    one.handler === handler && one.partition === partition && one.instance === instance
  const isWithin = (one: ControlEntry) =>
    one.instance === instance && (handler === undefined || (one.handler === handler && partition === undefined))
  const old = before.find(isTarget) ?? { ...nothing, handler, partition, instance, ...by }
  const next = {
    ...old,
    ...by,
    paused: change.paused ?? old.paused,
    perSecond: change.perSecond === undefined ? old.perSecond : (change.perSecond ?? undefined),
    draining: change.draining ?? old.draining
  }
  const isSame = next.paused === old.paused && next.perSecond === old.perSecond && next.draining === old.draining
  const resumes = (one: ControlEntry) => change.paused === false && one.paused && isWithin(one)
  if (isSame && !before.some(resumes)) return before
  const others = before
    .filter((one) => !isTarget(one))
    .map((one) => (resumes(one) ? { ...one, ...by, paused: false } : one))
  return [...others, isSame ? old : next].filter((one) => one.paused || one.draining || one.perSecond !== undefined)
}

const nothing = { paused: false, perSecond: undefined, draining: false }

/** What a change says beyond its act. */
export const detailOf = ({ perSecond }: ControlChange): string =>
  perSecond === undefined ? "" : perSecond === null ? "no limit" : `${perSecond} a second`

/** What somebody did, as it is kept. */
export interface Operation {
  readonly atMs: number
  /** Such as `pause`, or `replay`. */
  readonly act: string
  readonly actor: string
  readonly why: string
  readonly handler: string | undefined
  /** Of acts on keys: parked ones, and violations. */
  readonly key: string | undefined
  readonly partition: number | undefined
  readonly instance: string | undefined
  /** Such as a limit that was set. */
  readonly detail: string
}

/**
 * What came of a wish for other partitions. `unchanged`: it has so many, or they are wanted already. `undeclared`: there
 * is no such stream. `older`: these instances run, and know one number of partitions only.
 */
export type Wish =
  | { readonly _tag: "wanted" | "unchanged" | "undeclared" }
  | { readonly _tag: "older"; readonly instances: ReadonlyArray<string> }

/** A wish as it is kept on record. */
export const wishDetail = (partitions: number): string => `${partitions} partitions`

/**
 * The operator's controls: what is paused, throttled or drained, in the store, so that it holds for all instances and
 * over restarts. They are seen with the next beat, within a second.
 *
 * Guarantees: a change and the entry that says who made it are written in one transaction; `resume` of all handlers
 * takes every pause back, of single handlers and partitions too.
 */
export class ControlDesk extends Context.Service<
  ControlDesk,
  {
    /** Returns whether it was otherwise before. */
    readonly change: (
      stream: string,
      act: string,
      target: ControlTarget,
      change: ControlChange,
      by: Actor
    ) => Effect.Effect<boolean, StoreUnavailable>
    /**
     * Asks for another number of partitions; the last wish counts. The relay begins with them within a second, and each
     * handler follows by itself when it has read those of before.
     */
    readonly repartition: (stream: string, partitions: number, by: Actor) => Effect.Effect<Wish, StoreUnavailable>
    readonly list: (stream: string) => Effect.Effect<ReadonlyArray<ControlEntry>, StoreUnavailable>
    /** What was done, to parked keys and violations too, newest first. */
    readonly operations: (stream: string, limit: number) => Effect.Effect<ReadonlyArray<Operation>, StoreUnavailable>
  }
>()("millrace/pipeline/ControlDesk") {}
