/** What importing the package does and costs, seen from an application that has it installed. */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { build } from "vite"
import { run } from "./command.ts"
import { entries } from "./manifest.ts"

const names = Object.keys(entries).map((name) => name.replace(/^\./, "millrace"))

/** Importing all of it prints nothing, starts nothing, leaves nothing behind, and the process ends by itself. */
export const hasNoSideEffects = (folder: string): void => {
  const probe = `
    const globals = () => Object.getOwnPropertyNames(globalThis).join()
    const listeners = () => process.eventNames().map((name) => String(name) + process.listenerCount(name)).join()
    const before = [globals(), listeners()]
    const effect = await import("effect")
    for (const name of ${JSON.stringify(names)}) await import(name)
    const left = process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|FSReqPromise|CloseReq)$/.test(name))
    console.log(JSON.stringify({ same: JSON.stringify(before) === JSON.stringify([globals(), listeners()]), left }))`
  const printed = run(folder, process.execPath, "--input-type=module", "--eval", probe)
  assert.deepEqual(JSON.parse(printed), { same: true, left: [] })
}

/** Whatever is no entry point is not reachable, internals and the order application least of all. */
export const isClosed = (folder: string): void => {
  for (const path of ["lib/pipeline/Relay.js", "pipeline/index.js", "internal/x", "index", "orders/Orders"]) {
    const probe = `import("millrace/${path}").then(() => console.log("open"), (error) => console.log(error.code))`
    assert.equal(run(folder, process.execPath, "--eval", probe).trim(), "ERR_PACKAGE_PATH_NOT_EXPORTED", path)
  }
}

const isForeign = (id: string) => /^(effect|@effect|@nats-io|node:)/.test(id)

/** Bytes of a bundle of this program, without what is not ours. */
const bundled = async (folder: string, program: string): Promise<string> => {
  const entry = join(folder, "bundled.mjs")
  writeFileSync(entry, program)
  const built = await build({
    root: folder,
    configFile: false,
    logLevel: "error",
    build: { write: false, minify: true, lib: { entry, formats: ["es"] }, rolldownOptions: { external: isForeign } }
  })
  const outputs = Array.isArray(built) ? built : [built]
  return outputs
    .flatMap((one) => ("output" in one ? one.output : []))
    .map((chunk) => ("code" in chunk ? chunk.code : ""))
    .join("")
}

/** Names by what is imported: what a bundler keeps of it, in bytes. An import of nothing has to leave nothing. */
export const sizes = async (folder: string): Promise<ReadonlyArray<string>> => {
  const nothing = await bundled(folder, names.map((name) => `import "${name}"`).join("\n"))
  assert.equal(nothing.trim(), "", "an import of nothing is not shaken off")
  const programs = {
    "EventStream only": `export { EventStream } from "millrace"`,
    "EventStream, Handler, Pipeline": `export { EventStream, Handler, Pipeline } from "millrace"`,
    "everything of millrace": `export * from "millrace"`
  }
  const lines: Array<string> = []
  for (const [what, program] of Object.entries(programs)) {
    const code = await bundled(folder, program)
    lines.push(`${what}: ${kilobytes(code.length)} minified, ${kilobytes(gzipSync(code).length)} with gzip`)
  }
  return lines
}

const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(1)} kB`

const imports = 7

/** The median time to import it into a fresh process, and what of it is Effect. */
export const coldImport = (folder: string): string => {
  const time = (names: ReadonlyArray<string>) => {
    const probe = `const begin = performance.now(); ${names.map((name) => `await import("${name}")`).join(";")}; console.log(performance.now() - begin)`
    const times = Array.from({ length: imports }, () =>
      Number(run(folder, process.execPath, "--input-type=module", "--eval", probe))
    )
    return times.toSorted((a, b) => a - b)[Math.floor(imports / 2)] ?? 0
  }
  return `millrace ${time(["millrace"]).toFixed(0)} ms; effect alone ${time(["effect"]).toFixed(0)} ms`
}
