/**
 * An upgrade under load. An older version of this app, checked out from the history, works on a Postgres and a
 * nats-server; the present one starts beside it, moves the tables on, and takes over when the old one is stopped.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import { query } from "../../infra/embedded/Clients.ts"
import { runApp, startPipeline } from "./AppProcess.ts"
import { settledAudit } from "./Audit.ts"
import { eventually } from "./Eventually.ts"
import { at } from "./Http.ts"
import { judgePushes } from "./Pushes.ts"
import { pushReceiver } from "./Receivers.ts"
import { eventsAt, eventsOf, type Load, simulateInOrder } from "./Simulation.ts"
import { startServers } from "./TestServers.ts"

/** The last commit whose newest migration is 0007. */
const before = "68c59a1"

const load: Load = { orders: 900, rate: 60 }

const root = join(import.meta.dirname, "../../..")

const git = (...args: ReadonlyArray<string>) => {
  const { status, stderr } = spawnSync("git", args, { cwd: root, encoding: "utf8" })
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`)
}

/** The version before, with today's dependencies. */
const checkedOut = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-before-"))
    git("worktree", "add", "--detach", join(folder, "app"), before)
    symlinkSync(join(root, "node_modules"), join(folder, "app/node_modules"))
    return folder
  }),
  (folder) =>
    Effect.sync(() => {
      git("worktree", "remove", "--force", join(folder, "app"))
      rmSync(folder, { recursive: true, force: true })
    })
).pipe(Effect.map((folder) => join(folder, "app/src/app/main.ts")))

/** Says that something held, or did not. */
type Check = (what: string, holds: boolean) => Effect.Effect<void>

const newestMigration = (databaseUrl: Parameters<typeof query>[0]) =>
  Effect.map(query(databaseUrl, "SELECT max(migration_id)::int AS id FROM millrace_migrations"), ([row]) =>
    Number(at(row, "id"))
  )

/** Audit, order and parked keys of an upgrade under load, checked one by one. */
export const upgradeUnderLoad = Effect.fnUntraced(function* (check: Check) {
  const { databaseUrl, environment } = yield* startServers(false)
  const push = yield* pushReceiver
  const settings = { ...environment, PUSH_WEBHOOK_URL: push.url }
  const old = yield* startPipeline(settings, [], yield* checkedOut)
  const migratedTo = yield* newestMigration(databaseUrl)
  const onOld = yield* Effect.forkChild(simulateInOrder(old.url, load))
  const passed = (events: number) =>
    eventually(
      `${events} pushes`,
      Effect.sync(() => push.pushes.length >= events),
      60
    )
  yield* passed(eventsAt(load, 0.3))
  const present = yield* startPipeline(settings)
  const now = yield* newestMigration(databaseUrl)
  yield* check(`the new one moves the tables from migration ${migratedTo} to ${now}`, now > migratedTo)
  const onNew = yield* Effect.forkChild(simulateInOrder(present.url, load))
  const { committed: ofOld, verdict } = yield* Fiber.join(onOld)
  yield* check(
    `all ${ofOld} events that the old one accepted, before and after, came: ${verdict}`,
    verdict === "in order"
  )
  yield* check("the old one did not end", old.stderr().includes("stopped") === false)
  yield* old.signal("SIGTERM")
  yield* check("the old one stops in good order", (yield* old.exited) === 0)
  const newer = yield* Fiber.join(onNew)
  yield* check(
    `all ${newer.committed} events that the new one accepted came: ${newer.verdict}`,
    newer.verdict === "in order"
  )
  const committed = yield* settledAudit(environment)
  yield* check(`the audit adds up over ${committed} events`, committed === eventsOf(load) * 2)
  const { faults, ok } = judgePushes(push.pushes)
  yield* check(
    `${push.pushes.length} pushes in order of their users, none missing ${faults.slice(0, 3).map(String).join()}`,
    ok
  )
  const violations = yield* query(databaseUrl, "SELECT 1 FROM millrace.order_violation")
  yield* check("no order was violated", violations.length === 0)
  const parked = yield* runApp(["parked", "list", "--retrying", "--url", present.url, "-o", "json"])
  yield* check("nothing is parked", parked.code === 0)
}, Effect.scoped)
