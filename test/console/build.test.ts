import { readdirSync, readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { execFileSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import own from "../../package.json" with { type: "json" }
import { afterAll, beforeAll, expect, test } from "vitest"

const root = join(import.meta.dirname, "../..")
const committed = join(root, "src/ops/console/dist")

/** What a page loads before anything is seen, and all of it, charts too; in kB of 1,000 bytes, as it travels. */
const budgets = { firstKb: 60, allKb: 75 }

/** Hand-written, and to stay so. */
const cssLinesMax = 500

let anew = ""

beforeAll(async () => {
  anew = await mkdtemp(join(tmpdir(), "millrace-console-"))
  // As the script does it: a test's own NODE_ENV would build something else.
  const [command = "", ...args] = own.scripts["build:console"].split(" ")
  const environment = { ...process.env, NODE_ENV: "production" }
  execFileSync(join(root, "node_modules/.bin", command), [...args, "--outDir", anew], { cwd: root, env: environment })
})

afterAll(() => rm(anew, { recursive: true }))

const gzipKb = (names: ReadonlyArray<string>) =>
  names.reduce((sum, name) => sum + gzipSync(readFileSync(join(committed, name)), { level: 9 }).length, 0) / 1_000

test("the committed console is what its sources build to: `pnpm build:console` and commit", () => {
  expect(readdirSync(committed).toSorted()).toEqual(readdirSync(anew).toSorted())
  for (const name of readdirSync(anew))
    expect(readFileSync(join(committed, name), "utf8") === readFileSync(join(anew, name), "utf8"), name).toBe(true)
})

test(`a page is seen after at most ${budgets.firstKb} kB; with its charts it has at most ${budgets.allKb} kB`, () => {
  const all = readdirSync(committed)
  const page = readFileSync(join(committed, "index.html"), "utf8")
  const first = all.filter((name) => name === "index.html" || page.includes(`./${name}"`))
  expect(first.length).toBeGreaterThan(2)
  expect(gzipKb(first)).toBeLessThan(budgets.firstKb)
  expect(gzipKb(all)).toBeLessThan(budgets.allKb)
})

test("the page needs nobody's permission: no script or style in it, no address but its own", () => {
  const page = readFileSync(join(committed, "index.html"), "utf8")
  expect(page).not.toMatch(/<script(?![^>]*src="\.\/)/)
  expect(page).not.toMatch(/<style| style=| on\w+=/)
  expect(page.match(/(?:src|href)="(?!\.|data:)[^"]*"/g)).toBeNull()
})

test(`the style sheet is written by hand, in at most ${cssLinesMax} lines`, () => {
  const lines = readFileSync(join(root, "src/ops/console/console.css"), "utf8").split("\n")
  expect(lines.length).toBeLessThanOrEqual(cssLinesMax)
  expect(lines.filter((line) => line.length > 120)).toEqual([])
})
