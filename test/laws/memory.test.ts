import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { eventLedgerLaws } from "../../src/testing/laws/EventLedgerLaws.ts"
import { eventLogLaws } from "../../src/testing/laws/EventLogLaws.ts"
import { controlLaws } from "../../src/testing/laws/ControlLaws.ts"
import { crashLogLaws } from "../../src/testing/laws/CrashLogLaws.ts"
import { effectLedgerLaws } from "../../src/testing/laws/EffectLedgerLaws.ts"
import { inboxLaws } from "../../src/testing/laws/InboxLaws.ts"
import { outboxLaws } from "../../src/testing/laws/OutboxLaws.ts"
import { ownershipLaws } from "../../src/testing/laws/OwnershipLaws.ts"
import { parkingLaws } from "../../src/testing/laws/ParkingLaws.ts"
import { relayStoreLaws } from "../../src/testing/laws/RelayStoreLaws.ts"
import { repartitionLaws } from "../../src/testing/laws/RepartitionLaws.ts"
import { sharedLaws } from "../../src/testing/laws/SharedLaws.ts"
import { streamViewLaws } from "../../src/testing/laws/StreamViewLaws.ts"
import { viewLaws } from "../../src/testing/laws/ViewLaws.ts"
import { violationLaws } from "../../src/testing/laws/ViolationLaws.ts"
import { suiteOf } from "./LawSuite.ts"
import { memoryWorld } from "./MemoryWorld.ts"

suiteOf(outboxLaws)("the outbox in memory", memoryWorld, {
  "appends to another key do not wait": "MemoryTransactor runs one transaction at a time, and says so"
})
suiteOf(ownershipLaws)("ownership in memory", memoryWorld)
suiteOf(inboxLaws)("the inbox in memory", memoryWorld)
suiteOf(relayStoreLaws)("the relay's store in memory", memoryWorld)
suiteOf(repartitionLaws)("other partitions in memory", memoryWorld)
suiteOf(eventLogLaws)("the event log in memory", MemoryPipeline.layer)
suiteOf(parkingLaws)("the parking lot in memory", memoryWorld)
suiteOf(crashLogLaws)("the crash log in memory", memoryWorld)
suiteOf(effectLedgerLaws)("the effect ledger in memory", memoryWorld)
suiteOf(eventLedgerLaws)("the event ledger in memory", memoryWorld)
suiteOf(sharedLaws)("shared consumers in memory", MemoryPipeline.layer)
suiteOf(controlLaws)("controls in memory", memoryWorld)
suiteOf(viewLaws)("the view of a pipeline in memory", memoryWorld)
suiteOf(violationLaws)("order violations in memory", memoryWorld)
suiteOf(streamViewLaws)("the view of a stream in memory", MemoryPipeline.layer)
