import { Layer } from "effect"
import * as NatsStreamView from "./NatsStreamView.ts"
import * as NatsEventLog from "./NatsEventLog.ts"
import { NatsConnection, type NatsOptions } from "./NatsConnection.ts"
import type { StreamOptions } from "./StreamDeclaration.ts"

/** Everything the pipeline needs of NATS: one connection, JetStream as the event log, and a view of it for people. */
export const layer = (options: NatsOptions & StreamOptions) =>
  Layer.mergeAll(NatsEventLog.layer(options), NatsStreamView.layer).pipe(Layer.provide(NatsConnection.layer(options)))
