/** The one live line of `pnpm start pipeline`, and what is written above it. */
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type LineStream, liveLine } from "../../src/app/cli/LiveLine.ts"
import { plainStatus, statusLine } from "../../src/app/cli/statusLine.ts"
import type { OverviewBody } from "../../src/ops/OverviewApi.ts"
import { overviewOf } from "../support/overviews.ts"
import { screenOf } from "../support/Screen.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

/** Two streams that lead to one terminal. */
const terminal = () => {
  const seen = { written: "" }
  const streamTo = (): LineStream => ({
    write: (chunk: string | Uint8Array) => {
      seen.written += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk)
      return true
    }
  })
  return { out: streamTo(), err: streamTo(), screen: () => screenOf(seen.written.replaceAll("\n", "\r\n")) }
}

const broken: OverviewBody["alerts"][number] = {
  name: "NoLeader",
  severity: "critical",
  firing: true,
  value: "0",
  threshold: "1",
  summary: "",
  runbook: "noleader",
  sinceMs: 1
}

describe("a live line", () => {
  it.effect("stays below whatever is written, whole lines and parts of them, by anybody", () =>
    Effect.gen(function* () {
      const { err, out, screen } = terminal()
      yield* Effect.gen(function* () {
        const draw = yield* liveLine([out, err])
        out.write("before anything is drawn\n")
        yield* draw("status 1, which is long")
        assert.deepStrictEqual(screen(), ["before anything is drawn", "status 1, which is long"])
        err.write("a log line\nand another\n")
        out.write(new TextEncoder().encode("bytes\n"))
        yield* draw("status 2")
        err.write("half a ")
        yield* draw("status 3")
        out.write("")
        assert.deepStrictEqual(screen().slice(-1), ["half a"])
        err.write("line\n")
        assert.deepStrictEqual(screen(), [
          "before anything is drawn",
          "a log line",
          "and another",
          "bytes",
          "half a line",
          "status 3"
        ])
      }).pipe(Effect.scoped)
      err.write("stopped\n")
      assert.deepStrictEqual(screen().slice(-3), ["half a line", "stopped", ""])
    })
  )

  it("says what matters first, in no more columns than there are, in colour only where there is colour", () => {
    const quiet = statusLine(overviewOf(), 80, true)
    assert.strictEqual(quiet, "00:16:40  in 10/s, handled 10/s  lag 0  1 instance  p95 20 ms")
    const bad = overviewOf({
      alerts: [broken],
      violations: 1,
      parked: { keys: 3, events: 9, retryingKeys: 0 },
      lag: { events: 1_200, oldestMs: 65_000, inHand: 5 }
    })
    const plain = statusLine(bad, 200, false)
    assert.match(plain, /lag 1200 \(65 s\) {2}1 ORDER VIOLATION {2}ALERT \w+ {2}3 parked {2}1 instance/)
    assert.strictEqual(plainStatus(bad).slice(24), plain.slice(8))
    assert.include(statusLine(bad, 200, true), "\u001b[31m1 ORDER VIOLATION\u001b[39m")
    for (const columns of [1, 2, 10, 40, 60])
      assert.isBelow(screenOf(statusLine(bad, columns, true))[0]?.length ?? 0, columns)
  })
})

const hasTerminal = spawnSync("script", ["--version"]).status === 0
const main = join(import.meta.dirname, "../../src/app/main.ts")

interface Terminal {
  readonly screen: () => ReadonlyArray<string>
  readonly press: (key: string) => Effect.Effect<void>
  readonly hasEnded: () => boolean
}

/** A command on a terminal of its own, 100 columns wide. */
const onTerminal = (
  command: string,
  environment: Readonly<Record<string, string>>
): Effect.Effect<Terminal, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn("script", ["-qefc", `stty cols 100; exec ${process.execPath} ${main} ${command}`, "/dev/null"], {
        env: { ...process.env, TERM: "xterm", ...environment }
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(
    Effect.map((child) => {
      let written = ""
      child.stdout.setEncoding("utf8").on("data", (part: string) => (written += part))
      return {
        screen: () => screenOf(written),
        press: (key) => Effect.sync(() => void child.stdin.write(key)),
        hasEnded: () => child.exitCode !== null
      }
    })
  )

const status = /^\d\d:\d\d:\d\d {2}in [\d.]+\/s, handled [\d.]+\/s {2}lag \d+/

/** What a pipeline in good order says besides its status. */
const known = [
  /^millrace \d/,
  /^ {2}(postgres|nats|api|console|partitions) {2,}\S/,
  /^ready in /,
  /^timestamp=\S+ level=\w+ fiber=\S+ .*message=/,
  /^\^?C?stopping: finishing what is in hand/,
  /^stopped$/,
  /^$/
]

layer(TestServers.layer, { excludeTestServices: true, timeout: "90 seconds" })("a pipeline on a terminal", (it) => {
  it.effect.skipIf(!hasTerminal)(
    "has one live line, with every log line above it, also those of relay and workers; and ends without it",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* TestServers
        const app = yield* onTerminal("pipeline", { ...environment, PORT: "0", NO_COLOR: "1" })
        const statuses = () => app.screen().filter((row) => status.test(row))
        yield* eventually(
          "a live line",
          Effect.sync(() => status.test(app.screen().at(-1) ?? "")),
          60
        )
        const [, url = ""] = /api +(http:\S+)/.exec(app.screen().join("\n")) ?? []
        const shop = shopAt(url)
        yield* shop.setStock("lamp", 100)
        for (let i = 0; i < 30; i++) yield* shop.create({ orderId: `o-${i}`, userId: `user-${i}` })
        yield* eventually(
          "mails in the log",
          Effect.sync(() => app.screen().filter((row) => row.includes("mail")).length >= 5)
        )
        yield* eventually(
          "a live line that counts them",
          Effect.sync(() => /handled [1-9]/.test(app.screen().at(-1) ?? ""))
        )
        assert.lengthOf(statuses(), 1)
        for (const row of app.screen().slice(0, -1))
          assert.isTrue(
            known.some((one) => one.test(row)),
            `an odd line: ${JSON.stringify(row)}`
          )
        yield* app.press("\u0003")
        yield* eventually("an end", Effect.sync(app.hasEnded), 30)
        assert.deepStrictEqual(
          [
            statuses(),
            app
              .screen()
              .filter((row) => row !== "")
              .at(-1)
          ],
          [[], "stopped"]
        )
      }).pipe(Effect.scoped),
    120_000
  )
})
