/** What the package exports, entry by entry: each name with its docstring and its declaration. */
import { format } from "oxfmt"
import { entries } from "../manifest.ts"
import {
  type Declaration,
  declarationsAt,
  docOf,
  mentionedIn,
  moduleDocOf,
  type Modules,
  type Place
} from "./Declarations.ts"

/** A name that can be imported, or that one of them mentions. */
export interface ApiName {
  /** As it is written in a program: `Handler.transactional`, `Outbox`. */
  readonly name: string
  readonly doc: string
  readonly declarations: ReadonlyArray<Declaration>
}

export interface ApiGroup {
  /** Of a namespace; empty for what the entry exports by itself. */
  readonly namespace: string
  readonly doc: string
  readonly names: ReadonlyArray<ApiName>
}

export interface ApiEntry {
  /** `millrace/postgres` */
  readonly name: string
  readonly doc: string
  readonly groups: ReadonlyArray<ApiGroup>
  /** Types that its signatures mention and that cannot be imported by name, where they were not mentioned before. */
  readonly mentioned: ReadonlyArray<ApiName>
}

/** Every entry of the package. */
export const apiOf = (modules: Modules): ReadonlyArray<ApiEntry> => {
  const own = Object.entries(entries).map(([name, path]) => ({
    name: name.replace(/^\./, "millrace"),
    doc: moduleDocOf(modules, path),
    groups: groupsOf(modules, path)
  }))
  const told = new Set(own.flatMap(({ groups }) => declarationsIn(groups.flatMap(({ names }) => names))))
  return own.map((entry) => {
    const mentioned = mentionedBy(modules, entry.groups, told)
    declarationsIn(mentioned).forEach((one) => told.add(one))
    return { ...entry, mentioned }
  })
}

const declarationsIn = (names: ReadonlyArray<ApiName>) => names.flatMap(({ declarations }) => declarations)

const groupsOf = (modules: Modules, path: string): ReadonlyArray<ApiGroup> => {
  const exported = [...(modules.get(path)?.exported ?? [])]
  const single = exported.filter(([, place]) => place.name !== "*")
  const spaces = exported.filter(([, place]) => place.name === "*").toSorted(byName)
  return [
    { namespace: "", doc: "", names: single.toSorted(byName).map(([name, place]) => nameAt(modules, name, place)) },
    ...spaces.map(([namespace, place]) => namespaceAt(modules, namespace, place.path))
  ].filter(({ names }) => names.length > 0)
}

const namespaceAt = (modules: Modules, namespace: string, path: string): ApiGroup => ({
  namespace,
  doc: moduleDocOf(modules, path),
  names: [...(modules.get(path)?.exported ?? [])].map(([name, place]) => nameAt(modules, `${namespace}.${name}`, place))
})

const byName = ([a]: readonly [string, Place], [b]: readonly [string, Place]) => (a < b ? -1 : 1)

const nameAt = (modules: Modules, name: string, place: Place): ApiName => {
  const declarations = declarationsAt(modules, place)
  return { name, declarations, doc: docsOf(modules, declarations) }
}

/** A type and the value of its name may have one docstring between them. */
const docsOf = (modules: Modules, declarations: ReadonlyArray<Declaration>) =>
  declarations
    .map((one) => docOf(modules, one))
    .filter((doc) => doc !== "")
    .join("\n\n")

const mentionedBy = (modules: Modules, groups: ReadonlyArray<ApiGroup>, told: ReadonlySet<Declaration>) => {
  const found = new Map<string, ApiName>()
  const seen = new Set(told)
  const waiting = declarationsIn(groups.flatMap(({ names }) => names))
  for (const one of waiting)
    for (const { module, name } of mentionedIn(modules, one)) {
      const declarations = declarationsAt(modules, { path: module, name })
      if (declarations.some((other) => seen.has(other))) continue
      declarations.forEach((other) => seen.add(other))
      waiting.push(...declarations)
      if (!isBase(name)) found.set(`${module} ${name}`, { name, declarations, doc: docsOf(modules, declarations) })
    }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** What the compiler calls the class that a class is made from. */
const isBase = (name: string) => name.endsWith("_base")

/**
 * Lines a signature may have. Of a longer one, the type of a whole HTTP API, the compiler also writes the members in another
 * order each time; only its beginning is shown.
 */
const signatureLinesMax = 250

const beginningLines = 2

/** As TypeScript, without its docstring, and shortened where it is endless. */
export const signatureOf = async (modules: Modules, { declarations }: ApiName): Promise<string> => {
  const texts = declarations.map((one) => textOf(modules, one))
  const { code } = await format("signature.ts", texts.join("\n\n"), {
    semi: false,
    printWidth: 110,
    trailingComma: "none"
  })
  const lines = code
    .trimEnd()
    .replace(/^declare /gm, "")
    .split("\n")
  if (lines.length <= signatureLinesMax) return lines.join("\n")
  return [...lines.slice(0, beginningLines), "  // …"].join("\n")
}

const textOf = (modules: Modules, { end, module, name, start }: Declaration): string => {
  const { declared, text = "" } = modules.get(module) ?? {}
  const own = text.slice(start, end).replace(/^export /, "")
  const [base] = declared?.get(`${name}_base`) ?? []
  const madeFrom =
    base === undefined
      ? ""
      : text
          .slice(base.start, base.end)
          .replace(/^declare const \w+: /, "")
          .replace(/;$/, "")
  return own.replace(` extends ${name}_base`, ` extends ${madeFrom}`).replaceAll(/import\("[^"]+"\)\./g, "")
}
