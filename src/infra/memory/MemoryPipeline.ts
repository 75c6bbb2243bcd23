/** Every port in memory, for tests, examples and first steps: the pipeline with nothing to install. */
import { Layer } from "effect"
import * as MemoryAuditStore from "./MemoryAuditStore.ts"
import * as MemoryBacklog from "./MemoryBacklog.ts"
import * as MemoryControlDesk from "./MemoryControlDesk.ts"
import * as MemoryCrashLog from "./MemoryCrashLog.ts"
import * as MemoryEffectLedger from "./MemoryEffectLedger.ts"
import * as MemoryEventLedger from "./MemoryEventLedger.ts"
import * as MemoryEventLog from "./MemoryEventLog.ts"
import * as MemoryInbox from "./MemoryInbox.ts"
import * as MemoryOutbox from "./MemoryOutbox.ts"
import * as MemoryOwnership from "./MemoryOwnership.ts"
import * as MemoryParkingDesk from "./MemoryParkingDesk.ts"
import * as MemoryParkingLot from "./MemoryParkingLot.ts"
import * as MemoryPipelineView from "./MemoryPipelineView.ts"
import * as MemoryRelayStore from "./MemoryRelayStore.ts"
import { MemoryState } from "./MemoryState.ts"
import * as MemoryTransactor from "./MemoryTransactor.ts"
import * as MemoryViolationDesk from "./MemoryViolationDesk.ts"

/**
 * Every port in memory: the whole pipeline without a server. Nothing survives the process.
 *
 * Delivery semantics: those of Postgres and NATS, by the same laws, with one difference: transactions run one at a time. All pipelines
 * of a process that are provided this one layer share its tables and its streams.
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Pipeline } from "millrace"
 * import * as MemoryPipeline from "millrace/memory"
 * import { Accounts, handlers } from "./accounts.ts"
 *
 * const live = Pipeline.layer(Accounts, handlers).pipe(Layer.provideMerge(MemoryPipeline.layer))
 * ```
 */
export const layer = Layer.mergeAll(
  MemoryOutbox.layer,
  MemoryInbox.layer,
  MemoryRelayStore.layer,
  MemoryOwnership.layer,
  MemoryAuditStore.layer,
  MemoryParkingLot.layer,
  MemoryParkingDesk.layer,
  MemoryCrashLog.layer,
  MemoryBacklog.layer,
  MemoryControlDesk.layer,
  MemoryPipelineView.layer,
  MemoryEffectLedger.layer,
  MemoryEventLedger.layer,
  MemoryViolationDesk.layer
).pipe(Layer.provideMerge(Layer.mergeAll(MemoryTransactor.layer, MemoryEventLog.layer, MemoryState.layer)))
