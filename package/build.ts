/**
 * Makes the package in `dist/`: the library's modules as JavaScript with types and source maps, and a manifest of its own.
 *
 *     pnpm build && pnpm pack
 */
import { spawnSync } from "node:child_process"
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { manifest, root } from "./manifest.ts"

const here = fileURLToPath(root)
const dist = join(here, "dist")

const compile = () => {
  const tsc = join(here, "node_modules/.bin/tsc")
  const { status } = spawnSync(tsc, ["-p", join(here, "package/tsconfig.json")], { stdio: "inherit" })
  if (status !== 0) process.exit(1)
}

const rewrite = (pattern: string, change: (text: string) => string) => {
  for (const file of globSync(pattern, { cwd: dist })) {
    const path = join(dist, file)
    writeFileSync(path, change(readFileSync(path, "utf8")))
  }
}

/** The compiler renames what modules import, but not what their types do. */
const declarations = (text: string) => text.replace(/((?:from |import\()"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"')

/** Seen from the package, `src` is one folder nearer than from here. */
const maps = (text: string) => text.replaceAll('"../../', '"../')

/** The source of every module that is shipped, so that an editor's "go to definition" ends there. */
const sources = () => {
  for (const file of globSync("lib/**/*.js", { cwd: dist })) {
    const source = file.replace(/^lib/, "src").replace(/\.js$/, ".ts")
    cpSync(join(here, source), join(dist, source))
  }
}

rmSync(dist, { recursive: true, force: true })
compile()
rewrite("lib/**/*.d.ts", declarations)
rewrite("lib/**/*.map", maps)
sources()
// The console is built ahead, and is found beside the module that serves it.
cpSync(join(here, "src/ops/console/dist"), join(dist, "lib/ops/console/dist"), { recursive: true })
for (const file of ["README.md", "CHANGELOG.md", "LICENSE"]) cpSync(join(here, file), join(dist, file))
writeFileSync(join(dist, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`)
