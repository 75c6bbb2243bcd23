import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { settingLines } from "../../src/app/AppConfig.ts"
import { type Finished, runApp, startApp } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { silentReceiver } from "../support/servers/Receivers.ts"
import { freePort, startServers } from "../support/servers/TestServers.ts"
import { AppUnderTest } from "./AppUnderTest.ts"

const json = (finished: Finished): unknown => JSON.parse(finished.stdout)

/** One line of talk, no data. */
const saysOneLine = ({ stderr, stdout }: Finished) => {
  assert.strictEqual(stdout, "")
  assert.strictEqual(stderr.trimEnd().split("\n").length, 1, stderr)
}

layer(AppUnderTest.memory, { excludeTestServices: true, timeout: "30 seconds" })("against a pipeline", (it) => {
  it.effect("orders create, pay, ship and show tell an order's story, as text and as JSON", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      yield* shop.setStock("lamp:led", 5)
      const url = ["--url", shop.url]
      const cli = (...args: ReadonlyArray<string>) => runApp(["orders", ...args, ...url])
      const order = ["--order-id", "cli-1", "--user", "cleo", "--email", "cleo@example.com"]
      const created = yield* cli("create", ...order, "--item", "lamp:led:2:1250", "--output", "json")
      assert.strictEqual(created.code, 0, created.stderr)
      assert.strictEqual(created.stderr, "")
      assert.deepStrictEqual([at(json(created), "orderId"), at(json(created), "total")], ["cli-1", 2_500])
      const paid = yield* cli("pay", "cli-1", "--amount", "2500", "--output", "json")
      assert.strictEqual(at(json(paid), "status"), "paid")
      const shipped = yield* cli("ship", "cli-1", "--carrier", "DHL", "--tracking", "JD0146")
      assert.strictEqual(shipped.code, 0, shipped.stderr)
      assert.strictEqual(shipped.stdout, "order cli-1 of cleo: shipped, 25.00 EUR\n")
      yield* shop.shows("cli-1", "shipped")
      const shown = yield* runApp(["orders", "show", "cli-1", "--output", "json"], { MILLRACE_URL: shop.url })
      assert.strictEqual(shown.stderr, "")
      assert.strictEqual(at(json(shown), "history", 2, "type"), "shipped")
      const consistent = yield* cli("show", "cli-1", "--consistent")
      assert.strictEqual(consistent.stdout, "order cli-1 of cleo: shipped, 25.00 EUR\n")
    })
  )

  it.effect("a refusal is exit 1, with the field, on stderr only", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      const order = ["orders", "create", "--user", "u", "--email", "u@example.com", "--url", shop.url, "-o", "json"]
      const unknown = yield* runApp([...order, "--item", "ghost:1:1"])
      assert.deepStrictEqual([unknown.code, unknown.stdout], [1, ""])
      assert.include(unknown.stderr, "payload.items.0.sku: inventory does not know this SKU")
      const missing = yield* runApp(["orders", "show", "nobody's", "--url", shop.url])
      assert.strictEqual(missing.code, 1)
      saysOneLine(missing)
    })
  )

  it.effect("repeated with one key, a command is executed once", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      yield* shop.setStock("once", 5)
      const order = ["--user", "u", "--email", "u@example.com", "--item", "once:1:1", "--idempotency-key", "cli-once"]
      const first = yield* runApp(["orders", "create", ...order, "--url", shop.url, "-o", "json"])
      const again = yield* runApp(["orders", "create", ...order, "--url", `${shop.url}/`, "-o", "json"])
      assert.deepStrictEqual([first.code, again.code], [0, 0])
      assert.strictEqual(again.stdout, first.stdout)
      assert.strictEqual(yield* shop.stock("once"), 4)
    })
  )

  it.effect("doctor finds it healthy, in either format", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      const text = yield* runApp(["doctor", "--url", shop.url])
      assert.strictEqual(text.code, 0, text.stdout)
      assert.match(text.stdout, /^ok +pipeline +answers at http/m)
      assert.match(text.stdout, /\nhealthy\n$/)
      const formatted = yield* runApp(["doctor", "--url", shop.url, "--output", "json"])
      assert.deepStrictEqual([formatted.code, formatted.stderr], [0, ""])
      assert.strictEqual(at(json(formatted), "healthy"), true)
    })
  )

  it.effect("simulate proves the order and reports as JSON, its talk on stderr", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      const run = ["simulate", "--orders", "30", "--rate", "100", "--keys", "5", "--pause-ms", "20", "-o", "json"]
      const simulated = yield* runApp([...run, "--url", shop.url])
      assert.strictEqual(simulated.code, 0, simulated.stderr)
      assert.deepStrictEqual(
        ["verdict", "committed", "effects", "lost", "duplicated", "outOfOrder"].map((field) =>
          at(json(simulated), field)
        ),
        ["in order", 90, 90, 0, 0, 0]
      )
    })
  )
})

describe("exit codes", () => {
  it.live("2 for flags and values that cannot be, each with one clear line", () =>
    Effect.gen(function* () {
      for (const [args, environment, says] of [
        [["pipeline", "--memory", "--port", "abc"], {}, "PORT (--port)"],
        [["pipeline", "--memory"], { PORT: "65536" }, "PORT (--port)"],
        [["pipeline", "--memory"], { RETRY_ATTEMPTS_MAX: "0" }, "RETRY_ATTEMPTS_MAX (--retry-attempts-max)"],
        [["doctor"], { PARTITIONS: "1.5" }, "PARTITIONS (--partitions)"]
      ] as const) {
        const refused = yield* runApp(args, environment)
        assert.strictEqual(refused.code, 2, refused.stderr)
        saysOneLine(refused)
        assert.include(refused.stderr, says)
      }
      for (const args of [
        ["pipeline", "--no-such-flag"],
        ["no-such-command"],
        ["orders", "pay", "one", "--amount", "x"],
        ["orders", "create", "--user", "u", "--email", "u@example.com", "--item", "lamp"],
        ["orders", "create", "--user", "u", "--email", "nobody", "--item", "lamp:1:1"],
        ["simulate", "--orders", "0"],
        ["doctor", "--output", "xml"]
      ]) {
        const refused = yield* runApp(args)
        assert.strictEqual(refused.code, 2, `${args.join(" ")}: ${refused.stderr}`)
        assert.notInclude(refused.stderr, "    at ")
      }
    })
  )

  it.live("2 for a server address that is none, without showing a password", () =>
    Effect.gen(function* () {
      for (const variable of ["DATABASE_URL", "NATS_URL"]) {
        const refused = yield* runApp(["pipeline", "--port", "0"], {
          DATABASE_URL: "postgresql://u:secret@127.0.0.1:1/d",
          NATS_URL: "nats://u:secret@127.0.0.1:1",
          [variable]: "not an address, secret"
        })
        assert.strictEqual(refused.code, 2, refused.stderr)
        assert.notInclude(refused.stderr, "secret")
        saysOneLine(refused)
      }
    })
  )

  it.live("1 when no pipeline answers, and what to do about it", () =>
    Effect.gen(function* () {
      const url = `http://127.0.0.1:${yield* freePort}`
      const unanswered = yield* runApp(["orders", "show", "one", "--url", url])
      assert.strictEqual(unanswered.code, 1)
      saysOneLine(unanswered)
      assert.include(unanswered.stderr, `no pipeline answers at ${url}`)
      const simulated = yield* runApp(["simulate", "--orders", "1", "--patience", "1", "--url", url])
      assert.strictEqual(simulated.code, 1, simulated.stderr)
      assert.strictEqual(simulated.stdout, "")
    })
  )

  it.live("1 when the port is taken, in one line", () =>
    Effect.gen(function* () {
      const port = String(yield* freePort)
      const first = yield* startApp(["pipeline", "--memory", "--port", port])
      while (!first.stderr().includes("ready in")) yield* Effect.sleep("20 millis")
      const second = yield* runApp(["pipeline", "--memory", "--port", port])
      assert.strictEqual(second.code, 1, second.stderr)
      assert.include(second.stderr, port)
      assert.notInclude(second.stderr, "    at ")
    })
  )

  it.live(
    "10 when the doctor finds a database or a broker that cannot be reached, each with its remedy",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const found = yield* runApp(["doctor", "--output", "json"], {
          DATABASE_URL: `postgresql://u:secret@127.0.0.1:${port}/d`,
          NATS_URL: `nats://u:secret@127.0.0.1:${port}`,
          MILLRACE_URL: `http://127.0.0.1:${port}`
        })
        assert.strictEqual(found.code, 10, found.stderr)
        assert.notInclude(found.stdout + found.stderr, "secret")
        const findings = at(json(found), "findings")
        const failed = Array.isArray(findings) ? findings.filter((finding) => at(finding, "status") === "failed") : []
        assert.includeMembers(
          failed.map((finding) => at(finding, "name")),
          ["postgres", "nats", "jetstream", "pipeline"]
        )
        for (const finding of failed) assert.notStrictEqual(at(finding, "remedy"), "")
      }),
    // A check has 15 s; all of them are made at the same time.
    20_000
  )

  it.live("0 or 130 soon after a Ctrl-C, also while the broker is still waited for", () =>
    Effect.gen(function* () {
      const { environment } = yield* startServers(false)
      const broker = yield* silentReceiver
      const NATS_URL = `nats://127.0.0.1:${broker.port}`
      const pipeline = yield* startApp(["pipeline", "--port", "0"], { ...environment, NATS_URL })
      yield* eventually(
        "a connection to the broker",
        Effect.sync(() => broker.connections() > 0)
      )
      yield* pipeline.signal("SIGINT")
      const code = yield* pipeline.exited.pipe(Effect.timeout("5 seconds"))
      assert.include([0, 130], code)
    })
  )
})

describe("help", () => {
  it.live("of the pipeline lists every setting with its variable, flag and default", () =>
    Effect.gen(function* () {
      const help = yield* runApp(["pipeline", "--help"])
      assert.strictEqual(help.code, 0)
      const text = help.stdout.replaceAll(/\s+/g, " ")
      for (const { doc, env, fallback, flag } of settingLines) {
        assert.include(text, `--${flag} ${env}`)
        assert.include(text, `${doc} (${env}${fallback === "" ? "" : `, default ${fallback}`})`)
      }
    })
  )

  it.live("and version are data, and exit 0", () =>
    Effect.gen(function* () {
      for (const args of [["--help"], ["orders", "--help"], ["orders", "create", "--help"], ["--version"]]) {
        const told = yield* runApp(args)
        assert.deepStrictEqual([told.code, told.stderr], [0, ""], args.join(" "))
        assert.notStrictEqual(told.stdout, "")
      }
    })
  )
})
