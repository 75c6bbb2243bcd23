import type { NatsConnection as Connection } from "@nats-io/transport-node"
import { Layer } from "effect"
import * as NatsStreamView from "./NatsStreamView.ts"
import * as NatsEventLog from "./NatsEventLog.ts"
import { NatsConnection, type NatsOptions } from "./NatsConnection.ts"
import { type StreamOptions, streamOptionsDefault } from "./StreamDeclaration.ts"

export { healing } from "./NatsConnection.ts"
export { type StreamOptions, streamOptionsDefault } from "./StreamDeclaration.ts"

/** Everything the pipeline needs of NATS: one connection, JetStream as the event log, and a view of it for people. */
export const layer = (options: NatsOptions & Partial<StreamOptions>) =>
  log(options).pipe(Layer.provide(NatsConnection.layer(options)))

/**
 * The same over a connection of the application's own, which is left open in the end. Open it with `...NatsPipeline.healing`, or
 * after ten attempts it never comes back.
 */
export const layerFrom = (connection: Connection, options: Partial<StreamOptions> = {}) =>
  log(options).pipe(Layer.provide(NatsConnection.layerFrom(connection)))

const log = (options: Partial<StreamOptions>) =>
  Layer.mergeAll(NatsEventLog.layer({ ...streamOptionsDefault, ...options }), Layer.fresh(NatsStreamView.layer))
