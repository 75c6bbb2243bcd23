/**
 * Millrace: ordered event pipelines for Effect. Define a stream of events, append to it inside your own transactions,
 * and run handlers that see each key's events in commit order. Adapters: `millrace/postgres`, `millrace/nats`,
 * `millrace/memory`.
 *
 * A program begins with `EventStream.make`, handlers of `Handler`, and `Pipeline.layer`. The services are the ports that adapters
 * provide; of them, programs use `Transactor` and, by `append`, `Outbox`. Examples import the README's `accounts.ts`.
 */
export * as Audit from "./Audit.ts"
export * as Event from "./Event.ts"
export * as EventStream from "./EventStream.ts"
export * as Handler from "./Handler.ts"
export * as HandlerBreaker from "./HandlerBreaker.ts"
export * as Oracle from "./Oracle.ts"
export * as PartitionStream from "./PartitionStream.ts"
export * as Pipeline from "./Pipeline.ts"
export * as PipelineError from "./PipelineError.ts"
export * as RetryPolicy from "./RetryPolicy.ts"
export * as Signals from "./Signals.ts"
export { AuditStore } from "./AuditStore.ts"
export { Backlog } from "./Backlog.ts"
export { ControlDesk } from "./ControlDesk.ts"
export { CrashLog } from "./CrashLog.ts"
export { EffectLedger } from "./EffectLedger.ts"
export { EventLedger } from "./EventLedger.ts"
export { EventLog } from "./EventLog.ts"
export { Inbox } from "./Inbox.ts"
export { Outbox } from "./Outbox.ts"
export { Ownership } from "./Ownership.ts"
export { ParkingDesk } from "./ParkingDesk.ts"
export { ParkingLot } from "./ParkingLot.ts"
export { PipelineView } from "./PipelineView.ts"
export { RelayStore } from "./RelayStore.ts"
export { StreamView } from "./StreamView.ts"
export { Transactor } from "./Transactor.ts"
export { ViolationDesk } from "./ViolationDesk.ts"
