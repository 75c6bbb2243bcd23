/**
 * The contract, for a domain that shares nothing with the orders: its own events (in two versions), key, tables, client
 * and schema, on a real Postgres and a real nats-server, through kills, a freeze and restarts of both.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Audit, EventLog, Oracle, ParkingDesk } from "millrace"
import { makeRandom } from "millrace/testing"
import { adapterLaws, LeaseClock } from "millrace/testing/laws"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { asideDoorbell } from "../../src/pipeline/AsideWatch.ts"
import { query } from "../infra/embedded/Clients.ts"
import { suiteOf } from "../laws/LawSuite.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { startServers, TestServers } from "../support/servers/TestServers.ts"
import { startInstance, warningsIn } from "../support/telemetry/Instances.ts"
import {
  brokenSite,
  celsiusMax,
  type Device,
  keyOf,
  report,
  Telemetry,
  telemetryPorts,
  telemetrySchema,
  telemetryTables
} from "../support/telemetry/Telemetry.ts"

const leaseClock = Layer.effect(
  LeaseClock,
  Effect.map(TestServers, ({ databaseUrl }) => {
    const expired = (table: string, stream: string) =>
      `UPDATE ${telemetrySchema}.${table} SET expires_at = clock_timestamp() - interval '1 second' WHERE stream = '${stream}'`
    return LeaseClock.of({
      expire: (stream) =>
        Effect.forEach(["relay", "lease", "instance"], (table) => query(databaseUrl, expired(table, stream)), {
          discard: true
        }).pipe(Effect.orDie)
    })
  })
)

const adapters = Layer.unwrap(Effect.map(TestServers, telemetryPorts)).pipe(
  Layer.merge(leaseClock),
  Layer.provide(TestServers.layer)
)

// Both adapters together, as this application has put them together.
const ofPorts = {
  ...adapterLaws.outbox,
  ...adapterLaws.ownership,
  ...adapterLaws.inbox,
  ...adapterLaws.relayStore,
  ...adapterLaws.parking,
  ...adapterLaws.crashLog,
  ...adapterLaws.effectLedger,
  ...adapterLaws.eventLedger,
  ...adapterLaws.control,
  ...adapterLaws.view,
  ...adapterLaws.eventLog,
  ...adapterLaws.sharedConsumers,
  ...adapterLaws.streamView
}
suiteOf<Layer.Success<typeof adapters>, string>(ofPorts)("the second domain's adapters", adapters)

const sites = ["cellar", "roof", brokenSite] as const
const devices: ReadonlyArray<Device> = sites.flatMap((site) => [1, 2, 3, 4].map((serial) => ({ site, serial })))

/** Reports that are to be committed, whatever happens on the way. */
const reportsMin = 900

/** How many events each device has, by the application's own table. */
const committedIn = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ readonly key: string; readonly n: number }>`
    SELECT key, sum(events)::int AS n FROM device_report GROUP BY key`
  return new Map(rows.map(({ key, n }) => [key, n]))
})

const reportsIn = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ readonly n: number }>`SELECT count(*)::int AS n FROM device_report`
  return row?.n ?? 0
})

const effectsIn = Effect.fnUntraced(function* (table: "reading" | "tally") {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ key: string; version: number; eventId: string; position: number }>`
    SELECT key, version, event_id AS "eventId", at::int AS position FROM ${sql(table)}`
  return Oracle.judge(yield* committedIn, rows)
})

/** Devices report, and go on when a report fails, because somebody has pulled a plug. */
const reporting = Effect.gen(function* () {
  const random = makeRandom(7)
  const one = Effect.suspend(() =>
    report({
      device: { site: random.pick(sites), serial: random.between(1, 4) },
      measures: random.between(1, 4),
      isOld: random.chance(0.2),
      isLost: random.chance(0.1)
    }).pipe(
      // A session that is lost in a transaction is a defect, and here that is life.
      Effect.catchCause(() => Effect.sleep("20 millis")),
      Effect.andThen(Effect.sleep("5 millis"))
    )
  )
  const enough = reportsIn.pipe(
    Effect.map((n) => n >= reportsMin),
    Effect.orElseSucceed(() => false)
  )
  yield* Effect.forEach([1, 2, 3], () => Effect.repeat(one, { until: () => enough }), { concurrency: 3, discard: true })
})

const share = (part: number) =>
  eventually(
    `${part} of the reports`,
    reportsIn.pipe(
      Effect.map((n) => n >= part * reportsMin),
      Effect.orElseSucceed(() => false)
    ),
    60
  )

/** Nothing waits, is in flight or is to be tried again; so many keys are parked. */
const settled = (parkedKeys: number) =>
  eventually(
    "nothing on its way",
    Effect.gen(function* () {
      const audit = yield* Audit.runAudit(Telemetry.name)
      if (!audit.ok) return yield* Effect.die(new Error(JSON.stringify(audit.faults)))
      const isQuiet = audit.waiting + audit.again === 0 && audit.handlers.every(({ inFlight }) => inFlight === 0)
      const keys = yield* Effect.flatMap(ParkingDesk, (desk) => desk.count(Telemetry.name, {}))
      return isQuiet && keys === parkedKeys
    }).pipe(Effect.orElseSucceed(() => false)),
    60
  )

/** Everything that is parked, again. */
const replay = Effect.gen(function* () {
  const desk = yield* ParkingDesk
  const log = yield* EventLog
  const parked = yield* desk.list(Telemetry.name, { status: "parked" }, 100)
  yield* desk.replay(Telemetry.name, parked, { afterMs: 0, everyMs: 0 }, { actor: "test", why: "it is mended" })
  yield* log.ring(asideDoorbell(Telemetry.name))
  return parked
})

describe("a second domain", () => {
  it.live(
    "keeps the contract: its instances killed, frozen and stopped, both servers killed, a downstream broken and mended",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, nats, natsUrl, postgres } = yield* startServers(true)
        const folder = yield* tempDataDir
        const options = {
          databaseUrl,
          natsUrl,
          warningsFile: join(folder, "warnings"),
          mendedFile: join(folder, "mended")
        }
        yield* Effect.forEach(telemetryTables, (table) => query(databaseUrl, table))
        const [frozen, killed, stopped] = yield* Effect.all(
          [startInstance(options), startInstance(options), startInstance(options)],
          { concurrency: 3 }
        )
        yield* Effect.gen(function* () {
          const writing = yield* Effect.forkChild(reporting)
          yield* share(0.1)
          yield* frozen.signal("SIGSTOP")
          yield* Effect.sleep("5 seconds")
          yield* killed.signal("SIGKILL")
          yield* frozen.signal("SIGCONT")
          yield* share(0.4)
          yield* nats.kill
          yield* nats.start
          yield* share(0.6)
          yield* postgres.kill
          yield* postgres.start
          yield* share(0.8)
          yield* startInstance(options)
          yield* stopped.signal("SIGTERM")
          assert.strictEqual(yield* stopped.exited, 0, stopped.stderr())
          yield* Fiber.join(writing)

          const committed = yield* committedIn
          const broken = devices.filter(({ site }) => site === brokenSite).map(keyOf)
          yield* settled(broken.length)
          const parked = yield* replayAfterMending(options.mendedFile)
          assert.deepStrictEqual(parked, broken.toSorted())
          yield* settled(0)

          const events = [...committed.values()].reduce((sum, n) => sum + n, 0)
          const readings = yield* effectsIn("reading")
          assert.isTrue(readings.ok, JSON.stringify(readings.faults))
          const tally = yield* effectsIn("tally")
          assert.deepStrictEqual([tally.lost, tally.duplicated, tally.phantom], [0, 0, 0], JSON.stringify(tally.faults))
          const warned = Oracle.judge(committed, warningsIn(options.warningsFile))
          assert.isTrue(warned.ok, JSON.stringify(warned.faults))
          const audit = yield* Audit.runAudit(Telemetry.name)
          assert.deepStrictEqual([audit.ok, audit.committed, audit.published], [true, events, events])

          const sql = yield* PgClient.PgClient
          // Old ones were read as today's.
          const measured = yield* sql`SELECT DISTINCT celsius FROM reading WHERE celsius IS NOT NULL`
          assert.deepStrictEqual(measured, [{ celsius: celsiusMax }])
          assert.deepStrictEqual(yield* sql`SELECT 1 FROM ${sql(`${telemetrySchema}.order_violation`)}`, [])
        }).pipe(Effect.provide(telemetryPorts(options)))
      }),
    180_000
  )
})

const replayAfterMending = Effect.fnUntraced(function* (file: string) {
  writeFileSync(file, "")
  return (yield* replay).map(({ key }) => key).toSorted()
})
