// Figures of failure, on real servers: `node test/figures.ts poison|outage|balanced|upgrade|watching`. Each says what it saw, and exits 1 unless it
// holds. They take minutes, and are no part of `npx pnpm test`.
import { Effect } from "effect"
import { fnv1a } from "../src/pipeline/Partition.ts"
import { runApp, startPipeline } from "./support/servers/AppProcess.ts"
import { doneFile, doneIn, startWorker, sumsIn } from "./support/servers/BalancedWorkers.ts"
import { eventually } from "./support/servers/Eventually.ts"
import { at } from "./support/servers/Http.ts"
import { pushReceiver, type ReceivedPush } from "./support/servers/Receivers.ts"
import { startServers, TestServers } from "./support/servers/TestServers.ts"
import { watching } from "./support/servers/Watching.ts"
import { upgradeUnderLoad } from "./support/servers/Upgrade.ts"

const say = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))

const check = (what: string, holds: boolean) =>
  Effect.andThen(
    say(`${holds ? "held  " : "BROKEN"}  ${what}`),
    Effect.sync(() => {
      if (!holds) process.exitCode = 1
    })
  )

const quantile = (values: ReadonlyArray<number>, share: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

const userOf = ({ body }: ReceivedPush) => String(at(body, "userId"))

/** Pushes that came, per key in order, none twice. */
const outOfOrder = (pushes: ReadonlyArray<ReceivedPush>) => {
  const last = new Map<string, number>()
  return pushes.filter((push) => {
    const version = Number(at(push.body, "version"))
    const before = last.get(userOf(push)) ?? 0
    last.set(userOf(push), version)
    return version !== before + 1
  }).length
}

const simulate = (url: string, orders: number, keys: number, rate = 500) =>
  Effect.map(
    runLong(["simulate", "--orders", String(orders), "--rate", String(rate), "--keys", String(keys), "--url", url]),
    ({ code, report }) => ({ code, p99: Number(at(report, "createMs", "p99")), verdict: String(at(report, "verdict")) })
  )

const runLong = (args: ReadonlyArray<string>) =>
  Effect.map(runApp([...args, "-o", "json"], {}, 300), ({ code, stdout }) => ({
    code,
    report: stdout === "" ? undefined : (JSON.parse(stdout) as unknown)
  }))

const parkedKeys = (url: string) =>
  Effect.map(runLong(["parked", "list", "--retrying", "--url", url]), ({ report }) => Number(at(report, "total")))

const auditIsClean = (url: string) => Effect.map(runLong(["audit", "--url", url]), ({ code }) => code === 0)

/** One key in a hundred fails, whatever it is asked; the others must not notice. */
const poison = Effect.gen(function* () {
  const { environment } = yield* TestServers
  const [orders, keys] = [10_000, 1_000]
  const isBad = (user: string) => fnv1a(user) % 100 === 0
  const run = Effect.fnUntraced(function* (poisoned: boolean) {
    const push = yield* pushReceiver
    const lateMs: Array<number> = []
    push.refuse((body) => {
      const user = String(at(body, "userId"))
      if (!isBad(user)) lateMs.push(Date.now() - Date.parse(String(at(body, "occurredAt"))))
      return poisoned && isBad(user) ? 500 : undefined
    })
    const { signal, url } = yield* startPipeline({
      ...environment,
      PUSH_WEBHOOK_URL: push.url,
      RETRY_ATTEMPTS_MAX: "5"
    })
    const { p99, verdict } = yield* simulate(url, orders, keys)
    yield* Effect.sleep("5 seconds")
    return { lateMs, p99, push, signal, url, verdict }
  })
  const pairs: Array<readonly [number, number]> = []
  for (const _ of [1, 2, 3]) {
    const clean = yield* Effect.scoped(run(false))
    const bad = yield* Effect.scoped(
      Effect.gen(function* () {
        const one = yield* run(true)
        const parked = yield* parkedKeys(one.url)
        const refusedUsers = new Set(one.push.refused.map(userOf)).size
        yield* say(`        ${parked} keys put aside of ${refusedUsers} that were refused`)
        yield* check("every refused key is put aside, and no other", parked === refusedUsers && parked > 0)
        yield* check(
          "nothing behind a refused event went out",
          one.push.pushes.every((push) => !isBad(userOf(push)))
        )
        one.push.refuse(() => undefined)
        yield* runApp(["parked", "replay", "--all", "--rate", "1000", "--url", one.url])
        yield* eventually(
          "everything replayed",
          Effect.map(parkedKeys(one.url), (left) => left === 0),
          60
        )
        yield* check("all pushes came in order, once each", outOfOrder(one.push.pushes) === 0)
        yield* check("the audit is clean", yield* auditIsClean(one.url))
        return one
      })
    )
    pairs.push([quantile(clean.lateMs, 0.99), quantile(bad.lateMs, 0.99)])
    yield* say(
      `        commit → push p99: ${quantile(clean.lateMs, 0.99)} ms clean, ${quantile(bad.lateMs, 0.99)} ms with 1 % poisoned; POST /orders p99 ${clean.p99} and ${bad.p99} ms`
    )
  }
  const ratios = pairs.map(([clean, bad]) => bad / clean)
  yield* check(
    `p99 of the others within 1.5 times, median of ${ratios.map((one) => one.toFixed(2)).join(", ")}`,
    quantile(ratios, 0.5) <= 1.5
  )
}).pipe(Effect.scoped, Effect.provide(TestServers.layer))

/** The receiver of pushes is dead for a minute, at 500 orders a second. */
const outage = Effect.gen(function* () {
  const { environment } = yield* TestServers
  const push = yield* pushReceiver
  const { stderr, url } = yield* startPipeline({ ...environment, PUSH_WEBHOOK_URL: push.url })
  const dead = Effect.gen(function* () {
    yield* Effect.sleep("15 seconds")
    push.refuse(() => 503)
    yield* Effect.sleep("58 seconds")
    const parked = yield* parkedKeys(url)
    yield* check(`nothing is parked at the end of the outage (${parked})`, parked === 0)
    yield* Effect.sleep("2 seconds")
    push.refuse(() => undefined)
    return Date.now()
  })
  const [sim, backAt] = yield* Effect.all([simulate(url, 45_000, 2_000), dead], { concurrency: 2 })
  yield* check(`orders are accepted as before: p99 of POST /orders ${sim.p99} ms, ${sim.verdict}`, sim.code === 0)
  const events = (45_000 + 1_000) * 3
  yield* eventually(
    "the backlog drains",
    Effect.sync(() => push.pushes.length >= events),
    240
  )
  yield* say(
    `        ${events} pushes, ${push.refused.length} refused; drained ${Math.round((Date.now() - backAt) / 1_000)} s after it was back`
  )
  yield* check("all pushes came in order, once each", outOfOrder(push.pushes) === 0 && push.pushes.length === events)
  yield* check("the breaker opened and closed", /push is paused/.test(stderr()) && /push works again/.test(stderr()))
  yield* check("nothing is parked", (yield* parkedKeys(url)) === 0)
  yield* check("the audit is clean", yield* auditIsClean(url))
}).pipe(Effect.scoped, Effect.provide(TestServers.layer))

/** Events a second of so many instances with a balanced handler that takes 2 ms, one event at a time each. */
const balancedRate = Effect.fnUntraced(function* (workers: number) {
  const { environment } = yield* startServers(false)
  const file = yield* doneFile
  const settings = { ...environment, DONE_FILE: file, HANDLE_MS: "2", HANDLERS: "hooks" }
  const events = 3_000 * workers
  for (let i = 1; i < workers; i++) yield* startWorker(settings)
  yield* Effect.sleep("3 seconds")
  yield* startWorker({ ...settings, APPEND: String(events) })
  yield* eventually(
    "all of them done",
    Effect.sync(() => doneIn(file).length >= events),
    120
  )
  const times = doneIn(file)
    .map(({ atMs }) => atMs)
    .toSorted((a, b) => a - b)
  // The first and the last tenth are of starting and of ending.
  const [from, to] = [Math.floor(events * 0.1), Math.floor(events * 0.9)]
  return ((to - from) * 1_000) / Math.max(1, (times[to] ?? 0) - (times[from] ?? 0))
}, Effect.scoped)

/** One of three is killed in the middle, with the default ack wait of 30 s. */
const balancedKill = Effect.gen(function* () {
  const { databaseUrl, environment } = yield* startServers(false)
  const file = yield* doneFile
  const events = 12_000
  const settings = { ...environment, DONE_FILE: file, HANDLE_MS: "2" }
  const victim = yield* startWorker(settings)
  yield* startWorker(settings)
  yield* startWorker({ ...settings, APPEND: String(events) })
  yield* eventually(
    "a third of them done",
    Effect.sync(() => doneIn(file).length > events / 3),
    60
  )
  victim.child.kill("SIGKILL")
  const killedAtMs = Date.now()
  yield* eventually(
    "all of them done",
    Effect.map(sumsIn(databaseUrl), (sums) => {
      const hooked = new Set(doneIn(file).map(({ place }) => place)).size
      return sums.events === events && hooked === events
    }),
    90
  )
  const tookMs = Date.now() - killedAtMs
  const { rows } = yield* sumsIn(databaseUrl)
  const again = doneIn(file).length - events
  yield* check(
    `what the killed one had in hand was done by the others ${(tookMs / 1_000).toFixed(1)} s after it`,
    tookMs < 33_000
  )
  yield* check(`${events} events summed up, ${rows - events} of them twice`, rows === events)
  yield* check(`${again} effects outside were made again, under the same key`, again <= 100)
}).pipe(Effect.scoped)

/** Three instances do three times as much as one; killed, its events go to the others. */
const balanced = Effect.gen(function* () {
  const ratios: Array<number> = []
  for (const _ of [1, 2, 3]) {
    const one = yield* balancedRate(1)
    const three = yield* balancedRate(3)
    ratios.push(three / one)
    yield* say(`        ${Math.round(one)} events/s with one instance, ${Math.round(three)} with three`)
  }
  yield* check(
    `three instances are linear within 10 %, median of ${ratios.map((one) => one.toFixed(2)).join(", ")}`,
    quantile(ratios, 0.5) >= 2.7
  )
  yield* balancedKill
})

const figures: Readonly<Record<string, Effect.Effect<void, unknown>>> = {
  poison,
  outage,
  balanced,
  upgrade: upgradeUnderLoad(check),
  watching: Effect.scoped(watching(check))
}

const wanted = process.argv.slice(2).filter((name) => name in figures)

await Effect.runPromise(
  Effect.forEach(wanted.length === 0 ? Object.keys(figures) : wanted, (name) => figures[name] ?? Effect.void, {
    discard: true
  })
)
