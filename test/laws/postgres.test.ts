import { Effect, Layer } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { PgUnderTest, pgWorld } from "../infra/postgres/PgWorld.ts"
import { controlLaws } from "../../src/testing/laws/ControlLaws.ts"
import { crashLogLaws } from "../../src/testing/laws/CrashLogLaws.ts"
import { effectLedgerLaws } from "../../src/testing/laws/EffectLedgerLaws.ts"
import { eventLedgerLaws } from "../../src/testing/laws/EventLedgerLaws.ts"
import { inboxLaws } from "../../src/testing/laws/InboxLaws.ts"
import { LeaseClock } from "../../src/testing/laws/LeaseClock.ts"
import { outboxLaws } from "../../src/testing/laws/OutboxLaws.ts"
import { ownershipLaws } from "../../src/testing/laws/OwnershipLaws.ts"
import { parkingLaws } from "../../src/testing/laws/ParkingLaws.ts"
import { relayStoreLaws } from "../../src/testing/laws/RelayStoreLaws.ts"
import { repartitionLaws } from "../../src/testing/laws/RepartitionLaws.ts"
import { viewLaws } from "../../src/testing/laws/ViewLaws.ts"
import { suiteOf } from "./LawSuite.ts"

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

suiteOf(outboxLaws)("the outbox in Postgres", world)
suiteOf(ownershipLaws)("ownership in Postgres", world)
suiteOf(inboxLaws)("the inbox in Postgres", world)
suiteOf(relayStoreLaws)("the relay's store in Postgres", world)
suiteOf(repartitionLaws)("other partitions in Postgres", world)
suiteOf(parkingLaws)("the parking lot in Postgres", world)
suiteOf(crashLogLaws)("the crash log in Postgres", world)
suiteOf(effectLedgerLaws)("the effect ledger in Postgres", world)
suiteOf(eventLedgerLaws)("the event ledger in Postgres", world)
suiteOf(controlLaws)("controls in Postgres", world)
suiteOf(viewLaws)("the view of a pipeline in Postgres", world)
