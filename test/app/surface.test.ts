/** The commands as help shows them: each is listed, has an example, and each example does what it says or, where it goes on for ever, is accepted. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { basename, join } from "node:path"
import type { Command } from "effect/cli"
import { millrace } from "../../src/app/cli/millrace.ts"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { exitCode } from "../../src/app/cli/exitCodes.ts"
import { runApp, startApp, startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { freePort, startServers, TestServers } from "../support/servers/TestServers.ts"
import { AppUnderTest } from "./AppUnderTest.ts"

interface Leaf {
  readonly path: ReadonlyArray<string>
  readonly examples: ReadonlyArray<string>
}

/** Processes that start servers, on machines that are busy. */
const slowly = 120_000

const childrenOf = (command: Command.Command.Any) => command.subcommands.flatMap(({ commands }) => commands)

const leavesOf = (command: Command.Command.Any, path: ReadonlyArray<string>): ReadonlyArray<Leaf> => {
  const children = childrenOf(command)
  return children.length === 0
    ? [{ path, examples: command.examples.map((example) => example.command) }]
    : children.flatMap((child) => leavesOf(child, [...path, child.name]))
}

const leaves = leavesOf(millrace, [])

/** `pnpm start parked show mail "ada"` → its words, as a shell would give them. */
const wordsOf = (example: string): ReadonlyArray<string> => {
  assert.match(example, /^pnpm start /)
  return [...example.slice("pnpm start ".length).matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? ""
  )
}

const namesPath = ["--to", "--from", "compare"]

/** What an example writes is written into a folder that goes away, not into this tree, and read from there. A number is no path. */
const elsewhere = (words: ReadonlyArray<string>, folder: string) =>
  words.map((word, i) =>
    namesPath.includes(words[i - 1] ?? "") && !/^\d+$/.test(word) ? join(folder, basename(word)) : word
  )

/** Those that go on until they are stopped, or for long: what they say first shows that they do it. */
const endless: ReadonlyArray<readonly [example: RegExp, says: RegExp]> = [
  [/^pnpm start pipeline/, /ready in /],
  [/^pnpm start simulate/, /^orders \d+\/\d+/m],
  [/^pnpm start drill/, /\S/],
  [/^pnpm start lag --watch$/, /read-model \d/],
  [/^pnpm start lag --watch .*jsonl/, /"handlers":\[/],
  [/^pnpm start tail$/, /created .* ada@1/],
  [/^pnpm start tail --outcome parked/, /created .* ada@1 .*push/],
  [/^pnpm start tail --type paid --key ada$/, /paid .* ada@/]
]

/** Those that need servers of their own, with nothing at work on them. */
const isOfServers = /^pnpm start (backup|restore|compare) /

const saysOf = (example: string) => endless.find(([pattern]) => pattern.test(example))?.[1]

/** What an example may end with, where it is not 0. */
const codesOf = ([name, subcommand]: ReadonlyArray<string>): ReadonlyArray<number> => {
  // Keys are parked at first, and one of the examples discards them.
  if (name === "parked" && subcommand === "list") return [exitCode.ok, exitCode.parkedRemain]
  if (subcommand === "replay") return [exitCode.ok, exitCode.parkedRemain]
  // Its payload is left to the reader, and nothing of that id is there to be drained.
  // Nor is there an order violation.
  if (subcommand === "acknowledge") return [exitCode.failure]
  return [name === "drain" || subcommand === "edit" ? exitCode.failure : exitCode.ok]
}

describe("help", () => {
  it.live(
    "lists every command",
    () =>
      Effect.gen(function* () {
        const root = yield* runApp(["--help"])
        for (const { name } of childrenOf(millrace)) assert.match(root.stdout, new RegExp(`^ {2}${name} {2,}\\S`, "m"))
        for (const parent of ["orders", "parked", "violations"]) {
          const help = yield* runApp([parent, "--help"])
          for (const { path } of leaves.filter((leaf) => leaf.path[0] === parent && leaf.path.length > 1))
            assert.match(help.stdout, new RegExp(`^ {2}${path[1]} {2,}\\S`, "m"))
        }
      }),
    slowly
  )

  it("has an example of every command, that begins with it", () => {
    assert.isAbove(leaves.length, 20)
    for (const { examples, path } of leaves) {
      assert.isNotEmpty(examples, path.join(" "))
      for (const example of examples) assert.deepStrictEqual(wordsOf(example).slice(0, path.length), path, example)
    }
  })

  it.live(
    "completes every command in bash, zsh and fish",
    () =>
      Effect.gen(function* () {
        for (const shell of ["bash", "zsh", "fish"]) {
          const script = yield* runApp(["--completions", shell])
          assert.strictEqual(script.code, 0)
          for (const { path } of leaves) assert.include(script.stdout, path.at(-1) ?? "", shell)
          assert.include(script.stdout, "exit-when-critical", shell)
        }
      }),
    slowly
  )
})

/** Pushes to ada are refused, so that her key is parked. */
const withParkedKeys = Layer.effect(
  AppUnderTest,
  Effect.gen(function* () {
    const receiver = yield* pushReceiver
    receiver.refuse((body) => (/"ada"/.test(JSON.stringify(body)) ? 422 : undefined))
    const pipeline = yield* startPipeline({ PUSH_WEBHOOK_URL: receiver.url }, ["--memory"])
    const shop = shopAt(pipeline.url)
    yield* shop.setStock("lamp", 10_000)
    yield* shop.create({ orderId: "order-1" })
    yield* shop.create({ orderId: "order-0" })
    yield* shop.pay("order-0")
    yield* shop.shows("order-0", "paid")
    return { ...shop, pipeline }
  })
)

const examples = leaves.flatMap((leaf) => leaf.examples).filter((example) => !isOfServers.test(example))

layer(withParkedKeys, { excludeTestServices: true, timeout: "30 seconds" })("an example", (it) => {
  const lasts = (example: string) =>
    Effect.gen(function* () {
      const { url } = yield* AppUnderTest
      const port = String(yield* freePort)
      const dataDir = yield* tempDataDir
      const words = wordsOf(example).map((word) => (word === "8081" ? port : word))
      const app = yield* startApp(words, { MILLRACE_URL: url, DATA_DIR: dataDir, PORT: port })
      yield* eventually(
        example,
        Effect.sync(() => (saysOf(example) ?? /$^/).test(app.stdout() + app.stderr())),
        60
      )
    }).pipe(Effect.scoped)
  const lasting = examples.filter((example) => saysOf(example) !== undefined)
  const watches = (example: string) => /^pnpm start (tail|lag) /.test(`${example} `)

  // What is watched is the setup's: others take parked keys away, and send events of their own.
  it.effect.each(lasting.filter(watches))("%s", lasts, slowly)

  it.effect.each(examples.filter((example) => saysOf(example) === undefined))(
    "%s",
    (example) =>
      Effect.gen(function* () {
        const { url } = yield* AppUnderTest
        const finished = yield* runApp(elsewhere(wordsOf(example), yield* tempDataDir), { MILLRACE_URL: url })
        const said = `${finished.stdout}${finished.stderr}`
        assert.include(codesOf(wordsOf(example)), finished.code, said)
        assert.notStrictEqual(said, "")
      }),
    slowly
  )

  it.effect.each(lasting.filter((example) => !watches(example)))("%s", lasts, slowly)
})

/** A backup is taken by the first, and is what the others read; a restore is into servers of its own unless it is by force. */
layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("an example with servers", (it) => {
  it.effect(
    "each does what it says, one after the other",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* TestServers
        yield* Effect.scoped(startPipeline(environment))
        const folder = yield* tempDataDir
        const ofServers = leaves.flatMap((leaf) => leaf.examples).filter((example) => isOfServers.test(example))
        const order = ["backup", "compare", "restore"]
        const place = (example: string) => order.indexOf(wordsOf(example)[0] ?? "")
        for (const example of ofServers.toSorted((a, b) => place(a) - place(b))) {
          const words = wordsOf(example)
          const isForNew = words[0] === "restore" && !words.includes("--force")
          const on = isForNew ? (yield* startServers(false)).environment : environment
          const finished = yield* runApp(elsewhere(words, folder), on)
          assert.strictEqual(finished.code, exitCode.ok, `${example}: ${finished.stderr}`)
          assert.notStrictEqual(finished.stdout, "")
        }
      }),
    slowly
  )
})
