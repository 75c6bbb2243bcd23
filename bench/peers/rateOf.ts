import { Effect } from "effect"

/** Rate from the first tenth to the end, by a counter that every job raises. */
export const rateOf = (count: number, start: (tick: (by: number) => void) => Promise<() => Promise<void>>) =>
  Effect.promise(async () => {
    let seen = 0
    let beganAt = 0
    let began = 0
    const { promise: done, resolve: finish } = Promise.withResolvers<number>()
    const stop = await start((by) => {
      seen += by
      if (beganAt === 0 && seen >= count / 10) [beganAt, began] = [performance.now(), seen]
      if (seen >= count) finish(((seen - began) * 1_000) / (performance.now() - beganAt))
    })
    const rate = await done
    await stop()
    return rate
  })
