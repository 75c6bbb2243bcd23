/** `pnpm start backup`, `restore` and `compare` on real servers: taken under load, put back on others, where the load goes on. */
import { appendFile, cp, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { Manifest } from "../../src/app/backup/Manifest.ts"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { query } from "../infra/embedded/Clients.ts"
import { type Environment, runApp, startApp, startPipeline } from "../support/servers/AppProcess.ts"
import { auditOf, settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { judgeHistory } from "../support/servers/Histories.ts"
import { at, call } from "../support/servers/Http.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const users = ["ada", "bob", "cleo"]

const manifestIn = (folder: string) =>
  Effect.promise(() => readFile(join(folder, "manifest.json"), "utf8")).pipe(
    Effect.flatMap(Schema.decodeEffect(Schema.fromJsonString(Manifest))),
    Effect.orDie
  )

const committedIn = (databaseUrl: string) =>
  Effect.map(query(Redacted.make(databaseUrl), "SELECT sum(version)::int AS n FROM millrace.head"), ([row]) =>
    Number(at(row, "n"))
  )

const tablesIn = (databaseUrl: string) =>
  Effect.map(query(Redacted.make(databaseUrl), "SELECT count(*)::int AS n FROM pg_stat_user_tables"), ([row]) =>
    at(row, "n")
  )

/** Ends as it should. */
const succeeds = Effect.fnUntraced(function* (args: ReadonlyArray<string>, environment: Environment = {}) {
  const run = yield* runApp(args, environment)
  assert.strictEqual(run.code, 0, `${args.join(" ")}: ${run.stderr}${run.stdout}`)
  return run
})

/** Ends with 1, and says why. */
const isRefused = Effect.fnUntraced(function* (args: ReadonlyArray<string>, environment: Environment, why: RegExp) {
  const run = yield* runApp(args, environment)
  assert.match(run.stderr, why)
  assert.strictEqual(run.code, 1, run.stdout)
})

/** A backup that was taken while orders came in and one of the handlers stood still. */
class Taken extends Context.Service<Taken, { readonly folder: string; readonly source: Environment }>()(
  "millrace/test/system/Taken"
) {
  static readonly layer = Layer.effect(
    Taken,
    Effect.gen(function* () {
      const { environment } = yield* startServers(false)
      const folder = join(yield* tempDataDir, "backup")
      yield* Effect.scoped(backUp(environment, folder))
      return { folder, source: environment }
    })
  )
}

const backUp = Effect.fnUntraced(function* (environment: Environment, folder: string) {
  const pipeline = yield* startPipeline(environment)
  yield* simulateInOrder(pipeline.url, { orders: 30, rate: 60 })
  yield* succeeds(["pause", "read-model", "--why", "test", "--url", pipeline.url])
  const shop = shopAt(pipeline.url)
  yield* shop.setStock("lamp", 10_000)
  for (const userId of users) yield* shop.create({ orderId: `${userId}-1`, userId })
  // What stands still has partitions of before, and events in those of after.
  const change = { act: "repartition", partitions: 24, actor: "test", why: "test" }
  assert.strictEqual((yield* call(pipeline.url, "POST", "/ops/control", { json: change })).status, 200)
  const load = yield* startApp(["simulate", "--orders", "600", "--rate", "30", "--url", pipeline.url])
  const started = Effect.sync(() => /started [1-9]/.test(load.stderr() + load.stdout()))
  yield* eventually("a load", started, 60)
  yield* succeeds(["backup", "--to", folder], environment)
  const differs = yield* runApp(["compare", folder], environment)
  assert.strictEqual(differs.code, 1, differs.stderr)
  assert.match(differs.stdout, /^head +\d+ +\d+ +differs/m)
  yield* isRefused(["restore", "--from", folder, "--force"], environment, /instances are at work on this database: /)
})

const slowly = 180_000

layer(Taken.layer, { excludeTestServices: true, timeout: "180 seconds" })("a backup", (it) => {
  it.effect(
    "taken under load goes on elsewhere: in order, nothing lost, nothing doubled",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* Taken
        const { environment } = yield* startServers(false)
        const manifest = yield* manifestIn(folder)
        assert.strictEqual(manifest.tables.find(({ name }) => name === "topology")?.rows, 1)
        assert.isAbove(manifest.streams[0]?.events.rows ?? 0, 3, "events that only the stream had")
        yield* succeeds(["restore", "--from", folder], environment)
        yield* succeeds(["compare", folder], environment)
        const { code, report } = yield* auditOf(environment)
        assert.strictEqual(code, 0, JSON.stringify(report.faults))
        assert.isAbove(report.handlers.find(({ name }) => name === "read-model")?.inFlight ?? 0, 0)

        const pipeline = yield* startPipeline(environment)
        const shop = shopAt(pipeline.url)
        // Of keys whose first events are on their way once more.
        for (const userId of users) yield* shop.pay(`${userId}-1`)
        yield* succeeds(["resume", "read-model", "--url", pipeline.url])
        yield* simulateInOrder(pipeline.url, { orders: 30, rate: 60 })
        for (const userId of users) yield* shop.shows(`${userId}-1`, "paid")
        assert.strictEqual(yield* settledAudit(environment), yield* committedIn(environment.DATABASE_URL))
        const judgement = yield* judgeHistory(environment.DATABASE_URL)
        assert.deepStrictEqual(judgement.faults, [])
        assert.strictEqual(judgement.effects, judgement.committed)
      }),
    slowly
  )

  it.effect(
    "takes the place of what is there only by force, with the stream: what came behind it is gone",
    () =>
      Effect.gen(function* () {
        const { folder, source } = yield* Taken
        // The instance went without a word a moment ago.
        yield* Effect.sleep("3 seconds")
        yield* isRefused(["restore", "--from", folder], source, /the database is not empty: .*head \d+/)
        const before = yield* committedIn(source["DATABASE_URL"] ?? "")
        const dry = yield* succeeds(["restore", "--from", folder, "--force", "--dry-run"], source)
        assert.match(dry.stdout, /the stream orders would be deleted/)
        assert.strictEqual(yield* committedIn(source["DATABASE_URL"] ?? ""), before)
        yield* succeeds(["restore", "--from", folder, "--force"], source)
        yield* succeeds(["compare", folder], source)
        const pipeline = yield* startPipeline(source)
        yield* succeeds(["resume", "read-model", "--url", pipeline.url])
        yield* simulateInOrder(pipeline.url, { orders: 30, rate: 60 })
        yield* settledAudit(source)
        assert.deepStrictEqual((yield* judgeHistory(source["DATABASE_URL"] ?? "")).faults, [])
      }),
    slowly
  )

  it.effect(
    "that is damaged, not whole or of other tables is refused, and nothing is touched",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* Taken
        const { environment } = yield* startServers(false)
        const copyOf = Effect.fnUntraced(function* (change: (copy: string) => Promise<void>) {
          const copy = join(yield* tempDataDir, "copy")
          yield* Effect.promise(() => cp(folder, copy, { recursive: true }).then(() => change(copy)))
          return copy
        })
        const changed = yield* copyOf(async (copy) => {
          const path = join(copy, "head.jsonl")
          const text = await readFile(path, "utf8")
          await rm(path)
          await appendFile(path, text.replace("ada", "eve"))
        })
        yield* isRefused(["restore", "--from", changed], environment, /head\.jsonl is not what was written \(sha256\)/)
        const longer = yield* copyOf((copy) => appendFile(join(copy, "stream.orders.jsonl"), "\n"))
        yield* isRefused(["restore", "--from", longer], environment, /stream\.orders\.jsonl has \d+ bytes of \d+/)
        const halfDone = yield* copyOf((copy) => rm(join(copy, "manifest.json")))
        yield* isRefused(
          ["restore", "--from", halfDone],
          environment,
          /is not a whole backup: it has no manifest\.json/
        )
        const older = yield* copyOf(async (copy) => {
          const path = join(copy, "manifest.json")
          const text = await readFile(path, "utf8")
          await rm(path)
          await appendFile(path, text.replace(/"0009_repartition",?/, "").replace(/,(\s*\])/g, "$1"))
        })
        yield* isRefused(
          ["restore", "--from", older],
          environment,
          /whose tables are older .* restore it with that version/
        )
        const dry = yield* succeeds(["restore", "--from", folder, "--dry-run"], environment)
        assert.match(dry.stdout, /nothing was changed \(--dry-run\)/)
        assert.strictEqual(yield* tablesIn(environment.DATABASE_URL), 0)
      }),
    slowly
  )
})
