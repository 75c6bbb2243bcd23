/** NATS JetStream as the stream: nats-server 2.14 or newer, with JetStream. Only the relay writes to it. */
import type { NatsConnection as Connection } from "@nats-io/transport-node"
import { Layer } from "effect"
import * as NatsStreamView from "./NatsStreamView.ts"
import * as NatsEventLog from "./NatsEventLog.ts"
import { NatsConnection, type NatsOptions } from "./NatsConnection.ts"
import { type StreamOptions, streamOptionsDefault } from "./StreamDeclaration.ts"

export { healing } from "./NatsConnection.ts"
export { type StreamOptions, streamOptionsDefault } from "./StreamDeclaration.ts"

/**
 * Everything the pipeline needs of NATS: one connection, JetStream as the event log, and a view of it for people. The connection
 * heals by itself for as long as the layer lives. Fails when the server does not answer within `patience`, refuses, or is too old.
 *
 * ```ts
 * import { Redacted } from "effect"
 * import * as NatsPipeline from "millrace/nats"
 *
 * const url = Redacted.make("nats://app:secret@nats-1:4222,nats://app:secret@nats-2:4222")
 * const nats = NatsPipeline.layer({ url, name: "accounts", replicas: 3 })
 * ```
 */
export const layer = (options: NatsOptions & Partial<StreamOptions>) =>
  log(options).pipe(Layer.provide(NatsConnection.layer(options)))

/**
 * The same over a connection of the application's own, which is left open in the end. Open it with `...NatsPipeline.healing`, or
 * after ten attempts it never comes back.
 *
 * ```ts
 * import { connect } from "@nats-io/transport-node"
 * import { Effect, Layer } from "effect"
 * import * as NatsPipeline from "millrace/nats"
 *
 * const connection = Effect.promise(() => connect({ ...NatsPipeline.healing, servers: "127.0.0.1:4222" }))
 * const nats = Layer.unwrap(Effect.map(connection, (open) => NatsPipeline.layerFrom(open)))
 * ```
 */
export const layerFrom = (connection: Connection, options: Partial<StreamOptions> = {}) =>
  log(options).pipe(Layer.provide(NatsConnection.layerFrom(connection)))

const log = (options: Partial<StreamOptions>) =>
  Layer.mergeAll(NatsEventLog.layer({ ...streamOptionsDefault, ...options }), Layer.fresh(NatsStreamView.layer))
