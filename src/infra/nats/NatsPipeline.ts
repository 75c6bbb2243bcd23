import { Layer } from "effect"
import * as NatsEventLog from "./NatsEventLog.ts"
import { NatsConnection, type NatsOptions } from "./NatsConnection.ts"
import type { StreamOptions } from "./StreamDeclaration.ts"

/** Everything the pipeline needs of NATS: one connection, and JetStream as the event log. */
export const layer = (options: NatsOptions & StreamOptions) =>
  NatsEventLog.layer(options).pipe(Layer.provide(NatsConnection.layer(options)))
