import { Effect, Layer } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { PgUnderTest, pgWorldIn } from "../infra/postgres/PgWorld.ts"
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
import { violationLaws } from "../../src/testing/laws/ViolationLaws.ts"
import { suiteOf } from "./LawSuite.ts"

/** By a connection of its own: some laws let a lease run out in the middle of a transaction. */
const leaseClock = Layer.effect(
  LeaseClock,
  Effect.gen(function* () {
    const { schema, url } = yield* PgUnderTest
    const expire = (stream: string) =>
      Effect.forEach(
        ["relay", "lease", "instance"],
        (table) =>
          query(
            url,
            `UPDATE "${schema}".${table} SET expires_at = clock_timestamp() - interval '1 second' WHERE stream = '${stream}'`
          ),
        { discard: true }
      ).pipe(Effect.orDie)
    return LeaseClock.of({ expire })
  })
)

// The second is a word of SQL, which has to be quoted; nothing is in `millrace` there, so a statement that says so fails.
for (const schema of ["millrace", "user"]) {
  const world = Layer.provideMerge(leaseClock, pgWorldIn(schema))
  const where = schema === "millrace" ? "in Postgres" : "in another schema of Postgres"

  suiteOf(outboxLaws)(`the outbox ${where}`, world)
  suiteOf(ownershipLaws)(`ownership ${where}`, world)
  suiteOf(inboxLaws)(`the inbox ${where}`, world)
  suiteOf(relayStoreLaws)(`the relay's store ${where}`, world)
  suiteOf(repartitionLaws)(`other partitions ${where}`, world)
  suiteOf(parkingLaws)(`the parking lot ${where}`, world)
  suiteOf(crashLogLaws)(`the crash log ${where}`, world)
  suiteOf(effectLedgerLaws)(`the effect ledger ${where}`, world)
  suiteOf(eventLedgerLaws)(`the event ledger ${where}`, world)
  suiteOf(controlLaws)(`controls ${where}`, world)
  suiteOf(viewLaws)(`the view of a pipeline ${where}`, world)
  suiteOf(violationLaws)(`order violations ${where}`, world)
}
