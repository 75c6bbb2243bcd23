/** Every program in a document compiles against the package's own entries, runs, and prints what the document says. */
import { spawn, spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Snippet, snippetsIn } from "../../package/docs/Snippets.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  ...globSync("docs/**/*.md", { cwd: root, exclude: ["docs/adr/**"] })
].toSorted()

const snippets = documents.flatMap((document) => snippetsIn(document, readFileSync(`${root}${document}`, "utf8")))

// Inside the repository, so that `millrace` is this package, and beside no `node_modules` of its own.
const folder = mkdtempSync(join(root, ".snippets-"))

const folderOf = ({ document }: Snippet) => join(folder, document.replaceAll(/[/.]/g, "-"))

const fileOf = (snippet: Snippet) => join(folderOf(snippet), `${snippet.name}.ts`)

const titleOf = ({ document, line }: Snippet) => `${document}:${line}`

/** The README's programs, which every document may import. */
const shared = snippets.filter(({ document, name }) => document === "README.md" && !name.startsWith("line"))

const tsconfig = {
  extends: "../tsconfig.json",
  // A document shows what there is without using all of it.
  compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
  include: ["**/*.ts"],
  exclude: []
}

const put = (file: string, text: string) => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

beforeAll(() => {
  put(join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
  for (const snippet of snippets)
    for (const one of shared.filter(({ name }) => snippet.code.includes(`"./${name}.ts"`)))
      put(join(folderOf(snippet), `${one.name}.ts`), one.code)
  for (const snippet of snippets) put(fileOf(snippet), snippet.code)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Everything a process prints, on whichever side, and its exit code. It is given a minute. */
const run = (...args: ReadonlyArray<string>): Promise<{ readonly code: number | null; readonly printed: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, timeout: 60_000 })
    let printed = ""
    const keep = (chunk: Buffer) => void (printed += chunk.toString())
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.on("close", (code) => resolve({ code, printed: printed.trimEnd() }))
  })

/** One after the other in one process: most only define something, and what takes time is to load Effect. */
const runTogether = (some: ReadonlyArray<Snippet>) => {
  const files = some.map((snippet) => [titleOf(snippet), fileOf(snippet)])
  const program = `for (const [title, file] of ${JSON.stringify(files)}) {
    try { await import(file) } catch (error) { console.error(title, error); process.exit(1) }
  }
  process.exit(0)`
  return run("--input-type=module", "--eval", program)
}

describe("programs in documents", () => {
  it("are found", () => {
    expect(snippets.length).toBeGreaterThan(30)
    expect(shared.map(({ name }) => name)).toEqual(["accounts", "main", "servers"])
  })

  it("compile", () => {
    const tsc = join(root, "node_modules/.bin/tsc")
    const { stdout } = spawnSync(tsc, ["-p", folder, "--pretty", "false"], { cwd: root, encoding: "utf8" })
    expect(stdout).toBe("")
  }, 120_000)

  const runnable = snippets.filter(({ onlyCompiled }) => onlyCompiled === undefined)

  it("run", async () => {
    const { code, printed } = await runTogether(runnable.filter(({ prints }) => prints === undefined))
    expect(code, printed).toBe(0)
  }, 90_000)

  const telling = runnable.filter(({ prints }) => prints !== undefined)
  it.each(telling.map((snippet) => [titleOf(snippet), snippet] as const))(
    "%s prints what it says",
    async (_, snippet) => {
      expect(await run(fileOf(snippet))).toEqual({ code: 0, printed: snippet.prints })
    },
    90_000
  )

  it("that are not run say why", () => {
    const others = snippets.filter(({ onlyCompiled }) => onlyCompiled !== undefined)
    for (const one of others) process.stdout.write(`${titleOf(one)} is only compiled, ${one.onlyCompiled}\n`)
    expect(others.filter(({ onlyCompiled = "" }) => !/^(as|because) .{10,}/.test(onlyCompiled)).map(titleOf)).toEqual(
      []
    )
    expect(others.length).toBeLessThan(runnable.length / 3)
  })
})

describe("finding them", () => {
  const found = (text: string) => snippetsIn("a.md", text)

  it("puts hidden code around a block, and what it prints behind it", () => {
    const text = [
      "<!-- before\nconst a = 1\n-->",
      "<!-- after\nconsole.log(b)\n-->",
      "```ts\nconst b = a\n```",
      "```text\n1\n```"
    ].join("\n\n")
    expect(found(text)).toEqual([
      {
        document: "a.md",
        line: 9,
        name: "line9",
        code: "const a = 1\nconst b = a\nconsole.log(b)\n",
        prints: "1",
        onlyCompiled: undefined
      }
    ])
  })

  it("lets a block go on, be named, or be excused", () => {
    const text = [
      "```ts\n// a.ts: one\nconst a = 1\n```",
      "<!-- snippet: goes on -->",
      "```typescript\nexport const b = a\n```",
      "<!-- snippet: only compiled, as it needs servers -->",
      "```ts\nconst c = 1\n```",
      "```ts signature\nconst d: number\n```"
    ].join("\n")
    const [a, b, c, ...others] = found(text)
    expect(a?.name).toBe("a")
    expect(b?.code).toBe("// a.ts: one\nconst a = 1\n\nexport const b = a\n")
    expect(c?.onlyCompiled).toBe("as it needs servers")
    expect(others).toEqual([])
  })
})
