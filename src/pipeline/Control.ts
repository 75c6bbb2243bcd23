/** What an operator has asked for, until it is taken back. Of a handler, of one of its partitions, of all, or of an instance. */
export interface Control {
  /** Undefined: of all handlers. */
  readonly handler: string | undefined
  readonly partition: number | undefined
  readonly instance: string | undefined
  readonly paused: boolean
  /** Events a second of a handler, over all instances; undefined: as fast as it can. */
  readonly perSecond: number | undefined
  readonly draining: boolean
}

/** Whether a handler, or this partition of it, is paused. */
export const isPaused = (controls: ReadonlyArray<Control>, handler: string, partition?: number): boolean =>
  controls.some(
    (one) =>
      one.paused &&
      (one.handler === undefined || one.handler === handler) &&
      (one.partition === undefined || one.partition === partition)
  )

/** Events a second that a handler may have, over all instances. */
export const throttleOf = (controls: ReadonlyArray<Control>, handler: string): number | undefined =>
  controls.find((one) => one.handler === handler && one.partition === undefined)?.perSecond

/** Whether an instance is to give up what it has. */
export const isDraining = (controls: ReadonlyArray<Control>, instance: string): boolean =>
  controls.some((one) => one.instance === instance && one.draining)
