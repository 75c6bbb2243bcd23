/** What is generated of the documents is what the code says: tables, wire, alerts, exit codes, and the API from docstrings. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { type ApiName, apiOf } from "../../package/docs/Api.ts"
import { declareAll, type Modules } from "../../package/docs/Declarations.ts"
import type { Page } from "../../package/docs/Page.ts"
import { pagesOf } from "../../package/docs/pages.ts"
import { type Column, columnsOfMigrated, meaningFaults } from "../../package/docs/tablesPage.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

let modules: Modules
let columns: ReadonlyArray<Column>
let pages: ReadonlyArray<Page>

beforeAll(async () => {
  modules = declareAll()
  columns = await Effect.runPromise(columnsOfMigrated)
  pages = await pagesOf(modules, columns)
}, 180_000)

describe("the reference", () => {
  it("is as it would be made now (pnpm build:docs)", () => {
    const stale = pages.filter(
      ({ path, text }) => !existsSync(`${root}${path}`) || readFileSync(`${root}${path}`, "utf8") !== text
    )
    expect(stale.map(({ path }) => path)).toEqual([])
  })

  it("has no page that nobody makes", () => {
    const made = new Set(pages.map(({ path }) => path))
    const there = globSync("docs/reference/**/*.md", { cwd: root })
    expect(there.filter((path) => !made.has(path) && path !== "docs/reference/README.md")).toEqual([])
  })

  it("tells the meaning of every table and column, and of none that is not there", () => {
    expect(columns.length).toBeGreaterThan(100)
    expect(meaningFaults(columns)).toEqual([])
    const more: Column = { table: "outbox", column: "colour", type: "text", nullable: false, primary: false }
    const without = columns.filter(({ column }) => column !== "slot")
    expect(meaningFaults([...columns, more])).toEqual(["millrace.outbox.colour has no meaning in tableMeanings.ts"])
    expect(meaningFaults(without)).toContain("tableMeanings.ts has outbox.slot, which the database has not")
  })
})

/** What a program begins with; each has to show how. */
const entryPoints = [
  "Audit.runAudit",
  "Event.versions",
  "EventStream.make",
  "Handler.balanced",
  "Handler.external",
  "Handler.transactional",
  "Handler.transactionalBatch",
  "PartitionStream.partition",
  "Pipeline.layer",
  "RetryPolicy.withTags",
  "Transactor",
  "millrace/memory layer",
  "millrace/nats layer",
  "millrace/nats layerFrom",
  "millrace/postgres layer",
  "millrace/postgres layerFrom",
  "millrace/ops layer",
  "millrace/ops signals",
  "millrace/testing checkCorpus",
  "HandlerTest.given",
  "Simulation.check",
  "TestPipeline.make",
  "millrace/testing/laws checkLaws",
  "EmbeddedServers",
  "tempServers"
]

describe("the API", () => {
  const all = () =>
    apiOf(modules).flatMap(({ groups, mentioned, name }) =>
      [...groups.flatMap(({ names }) => names), ...mentioned].map((one) => ({ ...one, entry: name }))
    )

  it("names what it exports, and where that is declared", () => {
    const names = all().map(({ name }) => name)
    for (const name of ["EventStream.make", "Outbox", "TestPipeline.make", "EmbeddedServers"])
      expect(names).toContain(name)
    const nowhere = all().filter(({ declarations }) => declarations.length === 0)
    expect(nowhere.map(({ name }) => name)).toEqual([])
  })

  it("has a docstring for every name, and for every type a signature mentions", () => {
    const bare = all().filter(({ doc }) => doc === "")
    expect(bare.map(({ entry, name }) => `${entry} ${name}`)).toEqual([])
  })

  it("says of a name more than the name says", () => {
    const thin = all().filter((one) => wordsBeyondName(one) < wordsMin)
    expect(thin.map(({ doc, entry, name }) => `${entry} ${name}: ${doc}`)).toEqual([])
  })

  it("shows how each entry point is used", () => {
    const named = new Map(
      all().flatMap((one) => [[one.name, one] as const, [`${one.entry} ${one.name}`, one] as const])
    )
    const without = entryPoints.filter((name) => !/```ts\n[^]+```/.test(named.get(name)?.doc ?? ""))
    expect(without).toEqual([])
  })

  it("points at nothing that is not shipped", () => {
    const pointing = all().filter(({ doc }) => /\bnotes\//.test(doc))
    expect(pointing.map(({ entry, name }) => `${entry} ${name}`)).toEqual([])
  })
})

const wordsMin = 5

/** Of "A read event." only "A" is new to whoever reads `ReadEvent`. Comments at an interface's fields count as well. */
const wordsBeyondName = ({ declarations, doc, name }: ApiName) => {
  const own = new Set(name.split(/[^A-Za-z]|(?<=[a-z])(?=[A-Z])/).map((word) => word.toLowerCase()))
  const fields = declarations.map(({ end, module, start }) => modules.get(module)?.text.slice(start, end) ?? "")
  const comments = fields.flatMap((text) => [...text.matchAll(/\/\*\*([^]*?)\*\//g)].map(([, comment = ""]) => comment))
  return [doc, ...comments]
    .join(" ")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "" && !own.has(word.toLowerCase())).length
}
