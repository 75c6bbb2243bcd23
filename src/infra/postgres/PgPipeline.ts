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
import * as PgViolationDesk from "./PgViolationDesk.ts"
import { migratePipeline } from "./Migrations.ts"

export { sessionParameters } from "./PgControl.ts"

// Anew for each client: an application may have two databases.
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
).pipe(Layer.provideMerge(Layer.effectDiscard(Effect.andThen(checkSessionLimits, migratePipeline))), Layer.fresh)

/**
 * Everything the pipeline keeps in Postgres, and the `SqlClient` that commands and handlers share with it. Migrates the
 * library's tables first.
 */
export const layer = (options: PgOptions) =>
  stores.pipe(Layer.provideMerge(clientLayer(options)), Layer.provide(PgControl.layer(options)))

// The tables' columns are read by their own names, whatever the application makes of its own.
const untransformed = Layer.effect(
  SqlClient.SqlClient,
  Effect.map(PgClient.PgClient, (client) => client.withoutTransforms())
)

/**
 * The same on a `PgClient` of the application's own: appends and handlers join its transactions. Its sessions have to end
 * what idles in a transaction (`startupParameters: PgPipeline.sessionParameters`, or what `SessionsUnbounded` asks for). Three more
 * connections to the same place are kept for leases and the relay.
 */
export const layerFrom = stores.pipe(Layer.provide(Layer.merge(untransformed, PgControl.layerFrom)), Layer.fresh)
