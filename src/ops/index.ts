/**
 * Operate a pipeline from inside an application: `Ops.layer` mounts the surface in its router, `Ops.signals` lets the pipeline
 * report to it.
 */
export { layer, type MountOptions } from "./Ops.ts"
export { type EventSource, type Sample, sampleCorpus, type SampleOptions, type StoredPayload } from "./corpusSample.ts"
export { streamSource } from "./streamSource.ts"
export { signals } from "./signals.ts"
export { layerHealth } from "./OpsHttp.ts"
export { OpsApi } from "./OpsApi.ts"
export { opsGuard } from "./opsGuard.ts"
export { Overview } from "./Overview.ts"
export { type TraceName, TraceNames } from "./TraceName.ts"
