import { Clock, Context, Effect, Layer } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { leaseTtlMs } from "../../src/infra/memory/MemoryState.ts"
import { LeaseClock } from "../../src/testing/laws/LeaseClock.ts"

/** A clock that goes on by itself, as the laws' timeouts need it, and can be put forward. */
const leaseClock = Layer.effectContext(
  Effect.gen(function* () {
    const real = yield* Clock.Clock
    let aheadMs = 0
    const now = () => real.currentTimeMillisUnsafe() + aheadMs
    const shifted: Clock.Clock = {
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now),
      currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe(),
      currentTimeNanos: real.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: real.monotonicTimeNanos,
      sleep: (duration) => real.sleep(duration)
    }
    const expire = () => Effect.sync(() => void (aheadMs += leaseTtlMs + 1))
    return Context.make(LeaseClock, { expire }).pipe(Context.add(Clock.Clock, shifted))
  })
)

/** All ports in memory, with leases that run out on demand. */
export const memoryWorld = Layer.merge(MemoryPipeline.layer, leaseClock)
