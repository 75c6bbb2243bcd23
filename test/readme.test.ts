/** The README is short, and settings are as they are; what documents point at is checked by `test/docs`. */
import { readFileSync } from "node:fs"
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

describe("the README", () => {
  it(`has at most ${linesMax} lines`, () => {
    expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(linesMax)
  })

  it("names the page with the settings as they are", () => {
    expect(readme).toContain("docs/configuration.md")
    expect(between("<!-- settings: begin -->", "<!-- settings: end -->")).toBe(settingsTable)
  })
})
