import { Option } from "effect"
import type { MigrationsDone, RestoreTarget } from "../../pipeline/BackupStore.ts"
import type { Manifest } from "./Manifest.ts"

/** Tables that are named when there are more. */
const namedMax = 8

/** Why a backup is not put back there, in the order in which it can be mended. Pure. */
export const refusalOf = (
  manifest: Manifest,
  ours: ReadonlyArray<MigrationsDone>,
  target: RestoreTarget,
  force: boolean
): Option.Option<string> =>
  Option.firstSomeOf([
    otherVersion(manifest, ours),
    targetNewer(target, ours),
    otherTables(manifest, target),
    alive(target),
    force ? Option.none() : notEmpty(target)
  ])

const namesOf = (some: ReadonlyArray<MigrationsDone>) =>
  new Set(some.flatMap(({ done, table }) => done.map((name) => `${table} ${name}`)))

const without = (some: ReadonlyArray<MigrationsDone>, others: ReadonlyArray<MigrationsDone>) => {
  const known = namesOf(others)
  return [...namesOf(some)].filter((name) => !known.has(name))
}

const otherVersion = ({ migrations, product }: Manifest, ours: ReadonlyArray<MigrationsDone>) => {
  const [unknown] = without(migrations, ours)
  if (unknown !== undefined)
    return Option.some(
      `the backup is of millrace ${product}, whose tables are newer (${unknown} is not known here): restore it with that version`
    )
  const [missing] = without(ours, migrations)
  return missing === undefined
    ? Option.none()
    : Option.some(
        `the backup is of millrace ${product}, whose tables are older (it lacks ${missing}): restore it with that version, then start this one, which brings them up to date`
      )
}

const targetNewer = ({ migrations }: RestoreTarget, ours: ReadonlyArray<MigrationsDone>) => {
  const [unknown] = without(migrations, ours)
  return unknown === undefined
    ? Option.none()
    : Option.some(`the tables in the database are newer than this version (${unknown}): use an empty database`)
}

/** The tables are made when there are none yet; those that are there have to be the same. */
const otherTables = ({ tables }: Manifest, target: RestoreTarget) => {
  if (target.tables.length === 0) return Option.none()
  const shapes = new Map(target.tables.map(({ columns, name }) => [name, columns.join()]))
  const other = tables.find(({ columns, name }) => shapes.get(name) !== columns.join())
  return other === undefined
    ? Option.none()
    : Option.some(`the table ${other.name} is not in the database as it was copied: use an empty database`)
}

const alive = ({ live }: RestoreTarget) =>
  live.length === 0
    ? Option.none()
    : Option.some(
        `instances are at work on this database: ${live.join(", ")}. Stop them all (one that was killed is gone after 3 s), also those that only have the API`
      )

const notEmpty = ({ filled }: RestoreTarget) => {
  if (filled.length === 0) return Option.none()
  const named = filled.slice(0, namedMax).map(({ name, rows }) => `${name} ${rows}`)
  const more = filled.length > namedMax ? ` and ${filled.length - namedMax} more tables` : ""
  return Option.some(
    `the database is not empty: ${named.join(", ")} rows${more}. Restore into a new one, or take all of that away with --force`
  )
}
