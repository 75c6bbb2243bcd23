/**
 * The package as others get it: packed, judged by publint and attw, installed by npm and by pnpm into an application outside this
 * repository that follows the README, compiled and run there; and what an import costs.
 *
 *     pnpm test:package
 */
import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { run } from "./command.ts"
import { coldImport, hasNoSideEffects, isClosed, sizes } from "./imports.ts"
import { manifest, nodeMin, root } from "./manifest.ts"
import { documented, installed, oldestNode, runs, saysWhatToDo, typeChecks, worksAlone } from "./scratchApp.ts"

const here = fileURLToPath(root)
const scratch = mkdtempSync(join(tmpdir(), "millrace-package-"))
const say = (line: string) => process.stdout.write(`${line}\n`)

const step = async (name: string, check: () => void | Promise<void>) => {
  const beginMs = performance.now()
  await check()
  say(`ok  ${name} (${((performance.now() - beginMs) / 1_000).toFixed(1)} s)`)
}

/** Only what belongs to the library, and the command: the order application and its domain stay at home. */
const holdsTheLibraryOnly = (tarball: string) => {
  const files = run(scratch, "tar", "-tzf", tarball).trim().split("\n")
  const foreign = files.filter(
    (file) =>
      !/^package\/((lib|src)\/(pipeline|infra|ops|testing|app\/cli)\/|(lib|src)\/app\/(millrace|version)\.|[^/]+$)/.test(
        file
      )
  )
  assert.deepEqual(foreign, [])
  for (const file of ["README.md", "CHANGELOG.md", "LICENSE", "package.json"])
    assert(files.includes(`package/${file}`), file)
}

try {
  const tarball = join(scratch, `millrace-${manifest.version}.tgz`)
  await step("build and pack", () => {
    run(here, process.execPath, "package/build.ts")
    run(here, "npx", "pnpm", "pack", "--pack-destination", scratch)
    holdsTheLibraryOnly(tarball)
  })
  await step("publint", () => void run(here, join(here, "node_modules/.bin/publint"), tarball, "--strict"))
  await step("attw", () => void run(here, join(here, "node_modules/.bin/attw"), tarball, "--profile", "esm-only"))
  assert.deepEqual(
    documented().map(([name]) => name),
    ["accounts.ts", "main.ts", "servers.ts", "connection.ts", "several.ts"]
  )
  for (const manager of ["npm", "pnpm"] as const) {
    let app = ""
    await step(`${manager} install`, () => void (app = installed(scratch, manager, tarball)))
    await step(`${manager}: the README's programs compile`, () => typeChecks(app, manager === "npm"))
    await step(`${manager}: the README's program runs`, () => runs(app))
    await step(`${manager}: imports have no side effects, the rest is closed`, () => {
      hasNoSideEffects(app)
      isClosed(app)
    })
    if (manager === "pnpm") continue
    for (const line of await sizes(app)) say(`    ${line}`)
    say(`    cold import: ${coldImport(app)}`)
    await step("the command's words", () => saysWhatToDo(app))
    await step(`it runs on Node ${nodeMin}`, () => runs(app, oldestNode(app)))
  }
  await step("with effect alone", () => worksAlone(scratch, tarball))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
