import { Effect, Layer } from "effect"
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
import { migratePipeline } from "./Migrations.ts"

/**
 * Everything the pipeline keeps in Postgres, and the `SqlClient` that commands and handlers share with it. Migrates the
 * library's tables first.
 */
export const layer = (options: PgOptions) => {
  const client = clientLayer(options)
  const control = PgControl.layer(options)
  const migrated = Layer.effectDiscard(Effect.andThen(checkSessionLimits, migratePipeline))
  return Layer.mergeAll(
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
    PgEventLedger.layer
  ).pipe(Layer.provideMerge(migrated), Layer.provideMerge(client), Layer.provide(control))
}
