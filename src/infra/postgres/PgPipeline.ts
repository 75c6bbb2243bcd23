/** Postgres as the store: outbox, progress, leases and parked keys in the schema `millrace`. Postgres 14 or newer. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as PgAuditStore from "./PgAuditStore.ts"
import * as PgBacklog from "./PgBacklog.ts"
import * as PgControlDesk from "./PgControlDesk.ts"
import * as PgCrashLog from "./PgCrashLog.ts"
import * as PgEffectLedger from "./PgEffectLedger.ts"
import * as PgEventLedger from "./PgEventLedger.ts"
import * as PgInbox from "./PgInbox.ts"
import * as PgOutbox from "./PgOutbox.ts"
import { clientLayer, PgControl, type PgOptions } from "./PgControl.ts"
import * as PgOwnership from "./PgOwnership.ts"
import * as PgParkingDesk from "./PgParkingDesk.ts"
import * as PgParkingLot from "./PgParkingLot.ts"
import * as PgPipelineView from "./PgPipelineView.ts"
import * as PgRelayStore from "./PgRelayStore.ts"
import { checkSessionLimits } from "./SessionLimits.ts"
import * as PgTransactor from "./PgTransactor.ts"
import { checkedSchema, inSchema, layerIn, schemaDefault } from "./PgSchema.ts"
import { migratePipelineIn } from "./PipelineTables.ts"
import * as PgViolationDesk from "./PgViolationDesk.ts"

export { sessionParameters } from "./PgControl.ts"
export { SchemaNameInvalid } from "./PgSchema.ts"
export { SessionsUnbounded } from "./SessionLimits.ts"

/** The library's tables. */
export interface PgTables {
  /**
   * The schema they are in, `millrace` unless said otherwise; it is made if it is not there. Two pipelines in one database
   * that share nothing have two of them.
   */
  readonly schema?: string | undefined
}

const stores = Layer.mergeAll(
  PgOutbox.layer,
  PgInbox.layer,
  PgTransactor.layer,
  PgRelayStore.layer,
  PgOwnership.layer,
  PgAuditStore.layer,
  PgParkingLot.layer,
  PgParkingDesk.layer,
  PgCrashLog.layer,
  PgBacklog.layer,
  PgControlDesk.layer,
  PgPipelineView.layer,
  PgEffectLedger.layer,
  PgEventLedger.layer,
  PgViolationDesk.layer
)

const clientsFor = (schema: string) =>
  Layer.merge(
    layerIn(schema),
    Layer.effect(
      PgControl,
      Effect.map(PgControl, (client) => inSchema(client, schema))
    )
  )

// Anew for each client: an application may have two databases.
const storesIn = ({ schema = schemaDefault }: PgTables) =>
  Layer.unwrap(
    Effect.map(checkedSchema(schema), (name) =>
      stores.pipe(
        Layer.provide(clientsFor(name)),
        Layer.provideMerge(Layer.effectDiscard(Effect.andThen(checkSessionLimits, migratePipelineIn(name))))
      )
    )
  ).pipe(Layer.fresh)

/**
 * Everything the pipeline keeps in Postgres, and the `SqlClient` and `PgClient` that commands and handlers share with it. Migrates the
 * library's tables first. Fails when the database cannot be reached, or its sessions may idle in a transaction (`SessionsUnbounded`).
 *
 * ```ts
 * import { Layer, Redacted } from "effect"
 * import * as NatsPipeline from "millrace/nats"
 * import * as PgPipeline from "millrace/postgres"
 *
 * const servers = PgPipeline.layer({ url: Redacted.make("postgresql://app:secret@127.0.0.1:5432/app") }).pipe(
 *   Layer.provideMerge(NatsPipeline.layer({ url: Redacted.make("nats://127.0.0.1:4222"), name: "app" }))
 * )
 * ```
 */
export const layer = (given: Partial<PgOptions> & Pick<PgOptions, "url"> & PgTables) => {
  const options = { connectionsMax: 10, keepAlive: "10 seconds", ...given } as const
  return storesIn(options).pipe(Layer.provideMerge(clientLayer(options)), Layer.provide(PgControl.layer(options)))
}

// The tables' columns are read by their own names, whatever the application makes of its own.
const untransformed = Layer.effect(
  SqlClient.SqlClient,
  Effect.map(PgClient.PgClient, (client) => client.withoutTransforms())
)

/**
 * The same on a `PgClient` of the application's own: appends and handlers join its transactions. Its sessions have to end
 * what idles in a transaction (`startupParameters: PgPipeline.sessionParameters`, or what `SessionsUnbounded` asks for). Three more
 * connections to the same place are kept for leases and the relay.
 *
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { Layer, Redacted } from "effect"
 * import * as NatsPipeline from "millrace/nats"
 * import * as PgPipeline from "millrace/postgres"
 *
 * const url = Redacted.make("postgresql://app:secret@127.0.0.1:5432/app")
 * const servers = PgPipeline.layerFrom().pipe(
 *   Layer.provideMerge(NatsPipeline.layer({ url: Redacted.make("nats://127.0.0.1:4222"), name: "app" })),
 *   Layer.provideMerge(PgClient.layer({ url, startupParameters: PgPipeline.sessionParameters }))
 * )
 * ```
 */
export const layerFrom = (tables: PgTables = {}) =>
  storesIn(tables).pipe(Layer.provide(Layer.merge(untransformed, PgControl.layerFrom)), Layer.fresh)
