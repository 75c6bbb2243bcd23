import { Effect, Layer } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { PgUnderTest, pgWorld } from "../infra/postgres/PgWorld.ts"
import { controlLaws } from "./ControlLaws.ts"
import { crashLogLaws } from "./CrashLogLaws.ts"
import { effectLedgerLaws } from "./EffectLedgerLaws.ts"
import { eventLedgerLaws } from "./EventLedgerLaws.ts"
import { inboxLaws } from "./InboxLaws.ts"
import { LeaseClock } from "./LawSuite.ts"
import { outboxLaws } from "./OutboxLaws.ts"
import { ownershipLaws } from "./OwnershipLaws.ts"
import { parkingLaws } from "./ParkingLaws.ts"
import { relayStoreLaws } from "./RelayStoreLaws.ts"
import { viewLaws } from "./ViewLaws.ts"

/** By a connection of its own: some laws let a lease run out in the middle of a transaction. */
const leaseClock = Layer.effect(
  LeaseClock,
  Effect.gen(function* () {
    const { url } = yield* PgUnderTest
    const expire = (stream: string) =>
      Effect.forEach(
        ["relay", "lease", "instance"],
        (table) =>
          query(
            url,
            `UPDATE millrace.${table} SET expires_at = clock_timestamp() - interval '1 second' WHERE stream = '${stream}'`
          ),
        { discard: true }
      ).pipe(Effect.orDie)
    return LeaseClock.of({ expire })
  })
)

const world = Layer.provideMerge(leaseClock, pgWorld)

outboxLaws("the outbox in Postgres", world)
ownershipLaws("ownership in Postgres", world)
inboxLaws("the inbox in Postgres", world)
relayStoreLaws("the relay's store in Postgres", world)
parkingLaws("the parking lot in Postgres", world)
crashLogLaws("the crash log in Postgres", world)
effectLedgerLaws("the effect ledger in Postgres", world)
eventLedgerLaws("the event ledger in Postgres", world)
controlLaws("controls in Postgres", world)
viewLaws("the view of a pipeline in Postgres", world)
