/** What a whole pipeline costs and takes, as a process of its own. */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import { startPipeline } from "../../test/support/servers/AppProcess.ts"
import { pushReceiver, type ReceivedPush } from "../../test/support/servers/Receivers.ts"
import { at as field } from "../../test/support/servers/Http.ts"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { outputOf } from "../Child.ts"
import { ticksOf } from "../Cpu.ts"
import { durabilityOf } from "../Durability.ts"
import { bound, figureOf } from "../Measure.ts"
import type { Row } from "../Row.ts"
import { ownServers, serversIn } from "../Servers.ts"

export const idleRow: Row = {
  number: 9,
  name: "idle",
  what: "a pipeline that has nothing to do",
  measure: Effect.fnUntraced(function* (size) {
    const servers = yield* ownServers
    const { databaseUrl, environment } = servers
    const { pid } = yield* startPipeline(environment)
    const seconds = Math.max(10, Math.round(30 * size.scale))
    const look = Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      // Statistics of a session are told once a second, at its next statement.
      const [row] = yield* sql<{ readonly n: string }>`
        SELECT xact_commit::text AS n FROM pg_stat_database WHERE datname = current_database()`
      return { transactions: Number(row?.n ?? 0), ticks: ticksOf(pid), atMs: performance.now() }
    })
    const values: Array<readonly [number, number]> = []
    // Sessions that have nothing to do tell of what they did at the start after ten seconds.
    yield* Effect.sleep("20 seconds")
    yield* Effect.gen(function* () {
      let before = yield* look
      for (let round = 0; round < size.runs; round++) {
        yield* Effect.sleep(`${seconds} seconds`)
        const now = yield* look
        const took = (now.atMs - before.atMs) / 1_000
        values.push([(now.transactions - before.transactions - 1) / took, (now.ticks - before.ticks) / took])
        before = now
      }
    }).pipe(Effect.provide(PgClient.layer({ url: databaseUrl, maxConnections: 1 })))
    const figures = [
      { name: "statements", unit: "per s", values: values.map(([statements]) => statements) },
      { name: "processor", unit: "%", values: values.map(([, percent]) => percent) }
    ]
    return {
      figures,
      verdicts: [bound(figureOf(figures, "statements"), "≤", 2), bound(figureOf(figures, "processor"), "≤", 1)],
      settings: `all roles in one process, five handlers, 16 partitions; processor: of one core, all threads, over ${seconds} s`,
      durability: yield* durabilityOf(servers)
    }
  })
}

const latestMs = (pushes: ReadonlyArray<ReceivedPush & { readonly atMs: number }>) =>
  Math.max(0, ...pushes.map(({ atMs, body }) => atMs - Date.parse(String(field(body, "occurredAt")))))

export const failoverRow: Row = {
  number: 12,
  name: "failover",
  what: "the latest effect when one of two workers is killed, and when one is stopped",
  measure: Effect.fnUntraced(function* (size) {
    const once = Effect.fnUntraced(function* (signal: "SIGKILL" | "SIGTERM") {
      const servers = yield* ownServers
      const push = yield* pushReceiver
      const seen: Array<ReceivedPush & { readonly atMs: number }> = []
      push.refuse((body) => {
        seen.push({ method: "POST", headers: {}, body, atMs: Date.now() })
        return undefined
      })
      const environment = { ...servers.environment, PUSH_WEBHOOK_URL: push.url }
      const api = yield* startPipeline({ ...environment, ROLE: "api" })
      const [victim] = yield* Effect.all(
        [
          startPipeline({ ...environment, ROLE: "relay,worker" }),
          startPipeline({ ...environment, ROLE: "relay,worker" })
        ],
        { concurrency: 2 }
      )
      yield* Effect.sleep("3 seconds")
      const load = yield* Effect.forkChild(outputOf(join(import.meta.dirname, "../load.ts"), [api.url, "50", "14"], {}))
      yield* Effect.sleep("5 seconds")
      const before = seen.length
      yield* victim.signal(signal)
      yield* Effect.sleep("10 seconds")
      void load
      return { seconds: latestMs(seen.slice(before)) / 1_000, durability: yield* durabilityOf(servers) }
    }, Effect.scoped)
    const first = { killed: yield* once("SIGKILL"), stopped: yield* once("SIGTERM") }
    const runs = [first]
    while (runs.length < size.runs) runs.push({ killed: yield* once("SIGKILL"), stopped: yield* once("SIGTERM") })
    const figures = [
      { name: "killed", unit: "s", values: runs.map(({ killed }) => killed.seconds) },
      { name: "stopped", unit: "s", values: runs.map(({ stopped }) => stopped.seconds) }
    ]
    return {
      figures,
      verdicts: [bound(figureOf(figures, "killed"), "≤", 5), bound(figureOf(figures, "stopped"), "≤", 1)],
      settings: "50 orders a second, pushes; commit to effect of the latest one; leases last 3 s",
      durability: first.killed.durability
    }
  })
}

export const startRow: Row = {
  number: 13,
  name: "start",
  what: "from the command to ready, installed",
  measure: Effect.fnUntraced(function* (size) {
    const dataDir = yield* tempDataDir
    const seconds = (flags: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        const begin = performance.now()
        return Effect.scoped(
          Effect.map(startPipeline({ DATA_DIR: dataDir }, flags), () => (performance.now() - begin) / 1_000)
        )
      })
    const first = yield* seconds([])
    const values: Array<readonly [number, number]> = []
    for (let round = 0; round < size.runs; round++) values.push([yield* seconds(["--memory"]), yield* seconds([])])
    const figures = [
      { name: "--memory", unit: "s", values: values.map(([memory]) => memory) },
      { name: "embedded servers", unit: "s", values: values.map(([, embedded]) => embedded) },
      { name: "embedded servers, the first time", unit: "s", values: [first] }
    ]
    return {
      figures,
      verdicts: [bound(figureOf(figures, "--memory"), "≤", 2), bound(figureOf(figures, "embedded servers"), "≤", 6)],
      settings: "the first time makes the cluster; programs and modules are in the page cache",
      durability: yield* Effect.scoped(Effect.flatMap(serversIn(dataDir), durabilityOf))
    }
  })
}
