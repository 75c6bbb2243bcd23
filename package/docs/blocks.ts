/** Parts of written documents that are made: between `<!-- name: begin -->` and `<!-- name: end -->`. */
import { readFileSync } from "node:fs"
import { settingLines } from "../../src/app/AppConfig.ts"
import { metricLines } from "../../src/ops/metricTable.ts"
import { root } from "../manifest.ts"
import { exitTable } from "./operatorPages.ts"
import { code, type Page, table } from "./Page.ts"

const settingsTable = () =>
  table(
    ["variable", "flag", "default", "what it does"],
    settingLines.map(({ doc, env, fallback, flag }) => [code(env), code(`--${flag}`), code(fallback), doc])
  )

const metricsTable = () =>
  table(
    ["metric", "type", "labels", "what it says"],
    metricLines.map(({ help, labels, name, type }) => [code(name), type, labels.join(", "), help])
  )

const made: ReadonlyArray<readonly [string, string, () => string]> = [
  ["docs/configuration.md", "settings", settingsTable],
  ["docs/monitoring.md", "metrics", metricsTable],
  ["docs/operations.md", "exit codes", exitTable]
]

/** The documents with these parts as they have to be. */
export const blockPages = (): ReadonlyArray<Page> =>
  made.map(([path, name, make]) => ({ path, text: replaced(path, name, make()) }))

const replaced = (path: string, name: string, block: string) => {
  const text = readFileSync(new URL(path, root), "utf8")
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`${path} has no ${begin} … ${end}`)
  return `${before}${begin}\n${block}\n${end}${after}`
}
