/** The commands that look at and operate a running pipeline: what they show is what is so. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { runApp, startApp, startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { startServers } from "../support/servers/TestServers.ts"
import { AppUnderTest } from "./AppUnderTest.ts"

const refused = new Set(["ada", "ada-2", "mia"])

/** Pushes to some are refused; ada's order was created and paid, and bob's created. */
const withPoisonedOrder = Layer.effect(
  AppUnderTest,
  Effect.gen(function* () {
    const receiver = yield* pushReceiver
    receiver.refuse((body) => (refused.has(String(at(body, "userId"))) ? 422 : undefined))
    const pipeline = yield* startPipeline({ PUSH_WEBHOOK_URL: receiver.url }, ["--memory"])
    const shop = shopAt(pipeline.url)
    yield* shop.setStock("lamp", 10)
    yield* shop.create({ orderId: "poisoned" })
    yield* shop.pay("poisoned")
    yield* shop.create({ orderId: "sound", userId: "bob" })
    yield* shop.shows("poisoned", "paid")
    yield* shop.shows("sound", "created")
    return { ...shop, pipeline }
  })
)

/** Many processes one after the other, on machines that are busy. */
const slowly = 120_000

const cli = (args: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(AppUnderTest, ({ url }) => runApp(args, { MILLRACE_URL: url, ...environment }))

const linesOf = (stdout: string): ReadonlyArray<unknown> =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

layer(withPoisonedOrder, { excludeTestServices: true, timeout: "30 seconds" })("a poisoned order", (it) => {
  it.effect(
    "explain tells of it what the parking lot and the API tell: reason, attempts, trace, what waits behind",
    () =>
      Effect.gen(function* () {
        const { url } = yield* AppUnderTest
        const parked = JSON.parse((yield* cli(["parked", "show", "push", "ada", "-o", "json"])).stdout)
        const traceId = String(at(parked, "parked", "first", "traceparent")).split("-")[1] ?? "none"
        const told = yield* cli(["explain", "poisoned"])
        assert.strictEqual(told.code, 0)
        assert.match(told.stdout, /^poisoned belongs to ada: partition 11, 2 events so far/)
        assert.match(told.stdout, /^waits {2}push: version 1 \(created\): parked/m)
        assert.match(told.stdout, /^waits {2}push: version 2 \(paid\): behind version 1/m)
        assert.include(told.stdout, `appended to the outbox, trace ${traceId}`)
        assert.include(told.stdout, String(at(parked, "parked", "reason", "message")))
        assert.match(told.stdout, /attempt 1 failed, PushRejected: .* \(instance [0-9a-f-]+\)/)
        assert.match(told.stdout, /^1 created {2}published +\d+ .* parked +handled$/m)
        assert.match(told.stdout, /^2 paid +published +\d+ .* behind +handled$/m)
        assert.match(told.stdout, /next {2}pnpm start parked show push ada\n$/)
        const events = linesOf((yield* cli(["explain", "ada", "-o", "jsonl"])).stdout)
        assert.deepStrictEqual(events, at((yield* call(url, "GET", "/ops/trace/ada")).json, "events"))
        const sound = yield* cli(["explain", "sound"])
        assert.include(sound.stdout, "nothing waits: all is done")
      }),
    slowly
  )

  it.effect(
    "after a replay its story still says that it was parked, by whom it was replayed, and why",
    () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.create({ orderId: "mended", userId: "ada-2" })
        yield* eventually(
          "a parked key",
          Effect.map(cli(["explain", "mended"]), ({ stdout }) => /^waits {2}push/m.test(stdout))
        )
        const skipped = yield* cli(["parked", "skip", "--handler", "push", "--key", "ada-2", "--why", "no device"])
        assert.strictEqual(skipped.code, 0, skipped.stderr)
        yield* eventually(
          "a key that is handled again",
          Effect.map(cli(["explain", "mended"]), ({ stdout }) => !/^waits/m.test(stdout))
        )
        const { stdout } = yield* cli(["explain", "mended"])
        assert.match(stdout, /push: KeyParked: key parked/)
        assert.match(stdout, /skip push ada-2.*\(no device\), by \S+@/)
        assert.match(stdout, /^1 created .* discarded +handled$/m)
      }),
    slowly
  )

  it.effect(
    "a replay that is waited for ends with 12 while keys are parked again, and with 0 once they are handled",
    () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.create({ orderId: "waited", userId: "mia" })
        const replay = ["parked", "replay", "--handler", "push", "--key", "mia"]
        yield* eventually(
          "a parked key",
          Effect.map(cli(["parked", "list", "--key", "mia"]), ({ code }) => code === 12)
        )
        const again = yield* cli([...replay, "--wait"])
        assert.strictEqual(again.code, 12, again.stderr)
        assert.match(again.stderr, /1 of this kind are parked now/)
        refused.delete("mia")
        const dry = yield* cli([...replay, "--dry-run"])
        assert.deepStrictEqual([dry.code, dry.stderr], [0, ""])
        const done = yield* cli([...replay, "--wait"])
        assert.strictEqual(done.code, 0, done.stderr)
        assert.strictEqual(done.stdout, "  push  mia\nreplay: 1 of 1 keys\n")
        assert.match(done.stderr, /\n0 of this kind are parked now\n$/)
      }),
    slowly
  )

  it.effect(
    "moments are in the order in which they happened",
    () =>
      Effect.gen(function* () {
        const { stdout } = yield* cli(["explain", "poisoned"])
        const times = [...stdout.matchAll(/^(\d{4}-\S+Z) /gm)].map(([, time]) => time ?? "")
        assert.isAtLeast(times.length, 5)
        assert.deepStrictEqual(times, times.toSorted())
      }),
    slowly
  )

  it.effect(
    "lag shows a row per handler, numbers to the right; jsonl a document each",
    () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* cli(["lag"])
        assert.deepStrictEqual([code, stderr], [0, ""])
        const [head = "", ...rows] = stdout.trimEnd().split("\n")
        assert.deepStrictEqual(
          rows.map((row) => row.split(" ")[0]),
          ["analytics", "mail", "points", "push", "read-model"]
        )
        const parked = head.indexOf("parked") + "parked".length
        assert.deepStrictEqual(
          rows.map((row) => row.slice(0, parked).at(-1)),
          ["0", "0", "0", "1", "0"]
        )
        const documents = linesOf((yield* cli(["lag", "-o", "jsonl"])).stdout)
        assert.deepStrictEqual(
          documents.map((one) => at(one, "handler")),
          ["analytics", "mail", "points", "push", "read-model"]
        )
      }),
    slowly
  )

  it.effect(
    "tail follows: what is there, then what comes; filters hold",
    () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        const tail = yield* startApp(["tail", "--key", "cleo", "-o", "jsonl"], { MILLRACE_URL: shop.url })
        const other = yield* startApp(["tail", "--type", "created"], { MILLRACE_URL: shop.url })
        yield* eventually(
          "the first event",
          Effect.sync(() => other.stdout().includes("ada@1"))
        )
        yield* shop.create({ orderId: "tailed", userId: "cleo" })
        yield* shop.pay("tailed")
        yield* eventually(
          "the new events",
          Effect.sync(() => tail.stdout().split("\n").length === 3)
        )
        assert.deepStrictEqual(
          linesOf(tail.stdout()).map((event) => [at(event, "key"), at(event, "type"), at(event, "version")]),
          [
            ["cleo", "created", 1],
            ["cleo", "paid", 2]
          ]
        )
        yield* eventually(
          "the other's",
          Effect.sync(() => other.stdout().includes("cleo@1"))
        )
        assert.notInclude(other.stdout(), " paid ")
        yield* tail.signal("SIGINT")
        assert.strictEqual(yield* tail.exited, 130)
      }),
    slowly
  )

  it.effect(
    "tail by outcome: what came of events is shown once it has come, with who has made it of them",
    () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        const tail = yield* startApp(["tail", "--outcome", "behind", "--last", "1"], { MILLRACE_URL: shop.url })
        const places = (...args: ReadonlyArray<string>) =>
          Effect.map(cli(["tail", "--no-follow", "--key", "ada", "-o", "jsonl", ...args]), ({ stdout }) =>
            (stdout === "" ? [] : linesOf(stdout)).map((one) => [at(one, "type"), at(one, "handlers")])
          )
        assert.deepStrictEqual(yield* places("--outcome", "parked"), [["created", ["push"]]])
        assert.deepStrictEqual(yield* places("--outcome", "behind"), [["paid", ["push"]]])
        assert.deepStrictEqual(yield* places("--outcome", "passed", "--handler", "points"), [["created", ["points"]]])
        assert.deepStrictEqual(yield* places("--outcome", "handled", "--handler", "push"), [])
        yield* eventually(
          "the first one",
          Effect.sync(() => /paid .*ada@2 .*push\n/.test(tail.stdout()))
        )
        yield* shop.ship("poisoned")
        yield* eventually(
          "another one that waits behind it",
          Effect.sync(() => /shipped .*ada@3 .*push\n/.test(tail.stdout()))
        )
        assert.strictEqual(tail.stdout().split("ada@2").length, 2)
        assert.strictEqual((yield* cli(["tail", "--outcome", "perfect"])).code, 2)
      }),
    slowly
  )

  it.effect(
    "colour is for states, on request of a terminal only; --no-color and NO_COLOR take it away",
    () =>
      Effect.gen(function* () {
        const coloured = { NO_COLOR: "", FORCE_COLOR: "1" }
        const red = "\u001b[31mparked"
        assert.include((yield* cli(["explain", "poisoned"], coloured)).stdout, red)
        for (const [args, environment] of [
          [["explain", "poisoned"], { NO_COLOR: "" }],
          [["explain", "poisoned"], { ...coloured, NO_COLOR: "1" }],
          [["explain", "poisoned", "--no-color"], coloured],
          [["--help", "--no-color"], coloured]
        ] as const)
          assert.notInclude((yield* cli(args, environment)).stdout, "\u001b[", args.join(" "))
      }),
    slowly
  )

  it.effect(
    "what was paused, throttled and resumed is seen, changes nothing twice, and is on record with its command",
    () =>
      Effect.gen(function* () {
        const { pipeline } = yield* AppUnderTest
        const said = (args: ReadonlyArray<string>) => Effect.map(cli(args), ({ stdout }) => stdout.trimEnd())
        assert.strictEqual(yield* said(["pause", "mail", "--why", "it moves"]), "paused mail")
        assert.strictEqual(yield* said(["pause", "mail", "--why", "it moves"]), "nothing changed: it was so before")
        assert.strictEqual(yield* said(["pause", "points", "3"]), "paused points, partition 3")
        assert.strictEqual(yield* said(["throttle", "push", "5"]), "push handles 5 events a second at most")
        assert.strictEqual(
          yield* said(["drain", pipeline.instanceId]),
          `${pipeline.instanceId} gives its partitions up and takes none`
        )
        assert.match(yield* said(["lag"]), /^mail .* paused by \S+$/m)
        assert.match(yield* said(["partitions", "points", "3"]), /points, partition 3: paused/)
        yield* eventually(
          "a drained instance",
          Effect.map(said(["instances"]), (text) => text.includes("draining"))
        )
        assert.match(yield* said(["undrain", pipeline.instanceId]), /takes its share again/)
        assert.strictEqual(yield* said(["resume", "--all"]), "resumed all handlers")
        assert.strictEqual(yield* said(["throttle", "push", "off"]), "push is as fast as it can be")
        const activity = yield* said(["activity"])
        assert.match(activity, /\$ pnpm start pause mail --why 'it moves'/)
        assert.match(activity, /\$ pnpm start throttle push 5/)
        const unknown = yield* cli(["pause", "nobody"])
        assert.deepStrictEqual([unknown.code, unknown.stdout], [1, ""])
        assert.match(unknown.stderr, /no handler "nobody"/)
      }),
    slowly
  )

  it.effect(
    "what cannot be meant is refused with 2 before anything is asked",
    () =>
      Effect.gen(function* () {
        for (const args of [
          ["pause"],
          ["pause", "mail", "--all"],
          ["repartition", "--to", "0"],
          ["repartition", "--to", "1025"],
          ["throttle", "mail", "0"],
          ["throttle", "mail", "fast"],
          ["tail", "--last", "0"],
          ["lag", "--every", "0"],
          ["explain"]
        ]) {
          const refused = yield* cli(args)
          assert.strictEqual(refused.code, 2, `${args.join(" ")}: ${refused.stderr}`)
        }
      }),
    slowly
  )

  const script = spawnSync("script", ["--version"]).status === 0

  it.effect.skipIf(!script)(
    "on a terminal, lag --watch redraws one view in its place",
    () =>
      Effect.gen(function* () {
        const { url } = yield* AppUnderTest
        const main = join(import.meta.dirname, "../../src/app/main.ts")
        const watch = `${process.execPath} ${main} lag --watch --every 1`
        const environment = { ...process.env, MILLRACE_URL: url, TERM: "xterm", NO_COLOR: "1" }
        const seen = yield* Effect.sync(() =>
          spawnSync("timeout", ["-s", "INT", "12", "script", "-qec", watch, "/dev/null"], {
            env: environment,
            encoding: "utf8"
          })
        )
        const views = seen.stdout.split("\u001b[6A\u001b[J")
        assert.isAtLeast(views.length, 2, seen.stdout)
        for (const view of views) assert.strictEqual(view.match(/^read-model/gm)?.length, 1)
      }),
    slowly
  )
})

describe("nobody to publish", () => {
  it.live(
    "lag and alerts end with 10 once a critical alert fires, a watch too; a simulation gives up with 13",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        const { url } = yield* startPipeline({ ...environment, ROLE: "api,ops" })
        const run = (...args: ReadonlyArray<string>) => runApp(args, { MILLRACE_URL: url })
        const watch = yield* startApp(["lag", "--watch", "--exit-when-critical", "--every", "1"], { MILLRACE_URL: url })
        const simulated = yield* run("simulate", "--orders", "1", "--patience", "2", "--pause-ms", "0")
        assert.strictEqual(simulated.code, 13, simulated.stderr)
        assert.strictEqual(yield* watch.exited, 10)
        assert.match(watch.stdout(), /^\S+Z {2}.*ALERT \w+$/m)
        for (const command of ["lag", "alerts"]) {
          const { code, stdout } = yield* run(command)
          assert.strictEqual(code, 10, stdout)
          assert.match(stdout, /docs\/runbook\.md#/)
        }
      }),
    slowly
  )
})
