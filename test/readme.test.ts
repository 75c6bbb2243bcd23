/** The README says what the code does: its settings, its commands and the files it names are checked against the tree. */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { settingLines } from "../src/app/AppConfig.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, "utf8")
// Inside a table a bar is escaped.
const readme = read("README.md").replaceAll("\\|", "|")

const linesMax = 250

const configuration = read("docs/configuration.md").replaceAll("\\|", "|")

const between = (begin: string, end: string) =>
  configuration.slice(configuration.indexOf(begin) + begin.length, configuration.indexOf(end)).trim()

const code = (text: string) => (text === "" ? "–" : `\`${text}\``)

const settingsTable = [
  "| variable | flag | default | what it does |",
  "|---|---|---|---|",
  ...settingLines.map(
    ({ doc, env, fallback, flag }) => `| ${code(env)} | ${code(`--${flag}`)} | ${code(fallback)} | ${doc} |`
  )
].join("\n")

/** `pnpm start orders pay|ship x --amount 1` → the words before the first flag or argument, and the flags. */
const commandsIn = (text: string) =>
  [...text.matchAll(/pnpm start ([a-z][^`\n#]*)/g)].map(([, said = ""]) => {
    const words = said.trim().split(/\s+/)
    const [name = "", second = ""] = words
    return {
      said: said.trim(),
      // `pause|resume` are two.
      names: name.split("|"),
      subcommands: ["orders", "parked", "violations"].includes(name) ? second.split("|") : [],
      flags: words.filter((word) => word.startsWith("--")).map((word) => word.split("=")[0] ?? word)
    }
  })

const helps = new Map<string, string>()

const helpOf = (...command: ReadonlyArray<string>): string => {
  const known = helps.get(command.join(" "))
  if (known !== undefined) return known
  const { stdout } = spawnSync(process.execPath, ["src/app/main.ts", ...command, "--help"], {
    cwd: root,
    encoding: "utf8"
  })
  helps.set(command.join(" "), stdout)
  return stdout
}

/** The names it lists. Help is also printed for a command that does not exist, so its being there proves nothing. */
const subcommandsOf = (...command: ReadonlyArray<string>): ReadonlyArray<string> =>
  helpOf(...command)
    .split("\n")
    .flatMap((line) => /^ {2}([a-z]+) {2,}/.exec(line)?.[1] ?? [])

const documents = [
  "README.md",
  "docs/ARCHITECTURE.md",
  "docs/state-machine.md",
  "docs/orders.md",
  "docs/embedding.md",
  "docs/operations.md",
  "docs/monitoring.md",
  "docs/runbook.md",
  "docs/guide/evolving-events.md",
  "docs/guide/testing.md",
  "docs/tutorial-parked-order.md",
  ...readdirSync(`${root}docs/adr`).map((name) => `docs/adr/${name}`)
]

/** Files a document names in code marks, such as `src/pipeline/Relay.ts`; globs are left out. */
const filesIn = (text: string) =>
  [...text.matchAll(/`((?:src|test|docs|examples|deploy)\/[A-Za-z0-9_./-]+)`/g)].map(([, path = ""]) => path)

describe("the README", () => {
  it(`has at most ${linesMax} lines`, () => {
    expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(linesMax)
  })

  it("names the page with the settings as they are", () => {
    expect(readme).toContain("docs/configuration.md")
    expect(between("<!-- settings: begin -->", "<!-- settings: end -->")).toBe(settingsTable)
  })

  it.each(["README.md", "docs/operations.md", "docs/runbook.md", "docs/tutorial-parked-order.md"])(
    "%s names commands and flags that exist",
    (document) => {
      const commands = commandsIn(read(document).replaceAll("\\|", "|"))
      expect(commands.length).toBeGreaterThan(5)
      for (const { flags, names, said, subcommands } of commands) {
        const paths = subcommands.length === 0 ? names.map((name) => [name]) : subcommands.map((one) => [...names, one])
        for (const path of paths) expect(subcommandsOf(...path.slice(0, -1)), said).toContain(path.at(-1))
        const help = paths.map((path) => helpOf(...path)).join("\n")
        for (const flag of flags) expect(help, said).toMatch(new RegExp(`${flag}[ ,]`))
      }
    },
    180_000
  )
})

describe("the documents", () => {
  it.each(documents)("%s names files that exist", (document) => {
    expect(filesIn(read(document)).filter((path) => !existsSync(`${root}${path}`))).toEqual([])
  })
})
