import { Clock, Context, Effect, Layer } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { leaseTtlMs } from "../../src/infra/memory/MemoryState.ts"
import { eventLedgerLaws } from "./EventLedgerLaws.ts"
import { eventLogLaws } from "./EventLogLaws.ts"
import { controlLaws } from "./ControlLaws.ts"
import { crashLogLaws } from "./CrashLogLaws.ts"
import { effectLedgerLaws } from "./EffectLedgerLaws.ts"
import { inboxLaws } from "./InboxLaws.ts"
import { LeaseClock } from "./LawSuite.ts"
import { outboxLaws } from "./OutboxLaws.ts"
import { ownershipLaws } from "./OwnershipLaws.ts"
import { parkingLaws } from "./ParkingLaws.ts"
import { relayStoreLaws } from "./RelayStoreLaws.ts"
import { sharedLaws } from "./SharedLaws.ts"
import { streamViewLaws } from "./StreamViewLaws.ts"
import { viewLaws } from "./ViewLaws.ts"

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

const world = Layer.merge(MemoryPipeline.layer, leaseClock)

outboxLaws("the outbox in memory", world, {
  "appends to another key do not wait": "MemoryTransactor runs one transaction at a time, and says so"
})
ownershipLaws("ownership in memory", world)
inboxLaws("the inbox in memory", world)
relayStoreLaws("the relay's store in memory", world)
eventLogLaws("the event log in memory", MemoryPipeline.layer)
parkingLaws("the parking lot in memory", world)
crashLogLaws("the crash log in memory", world)
effectLedgerLaws("the effect ledger in memory", world)
eventLedgerLaws("the event ledger in memory", world)
sharedLaws("shared consumers in memory", MemoryPipeline.layer)
controlLaws("controls in memory", world)
viewLaws("the view of a pipeline in memory", world)
streamViewLaws("the view of a stream in memory", MemoryPipeline.layer)
