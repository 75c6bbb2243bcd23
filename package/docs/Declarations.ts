/** The library's declarations as the compiler makes them, and where each exported name is declared. */
import { spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { type Comment, type Node, parseSync, visitorKeys } from "oxc-parser"
import { root } from "../manifest.ts"

/** A file of declarations: `pipeline/Handler`, without its suffix. */
export interface Module {
  readonly path: string
  readonly text: string
  readonly comments: ReadonlyArray<Comment>
  /** What it declares, exported or not; a type and a value of one name are two. */
  readonly declared: ReadonlyMap<string, ReadonlyArray<Declaration>>
  readonly imported: ReadonlyMap<string, Place>
  /** By the name others see; in the order they are written. */
  readonly exported: ReadonlyMap<string, Place>
}

/** A name in a file of the library; `*` is the whole file as a namespace. */
export interface Place {
  readonly path: string
  readonly name: string
}

export interface Declaration {
  readonly name: string
  readonly module: string
  readonly node: Node
  /** Where its statement begins and ends. */
  readonly start: number
  readonly end: number
}

export type Modules = ReadonlyMap<string, Module>

/** Declares everything the package exports, in a folder that is removed at once. */
export const declareAll = (): Modules => {
  const here = fileURLToPath(root)
  const folder = mkdtempSync(join(tmpdir(), "millrace-declarations-"))
  try {
    // Members of unions in one order, whichever thread comes first.
    const same = ["--singleThreaded", "--stableTypeOrdering"]
    const settings = ["--emitDeclarationOnly", "--declarationMap", "false", "--outDir", folder, ...same]
    const tsc = join(here, "node_modules/.bin/tsc")
    const { status, stdout } = spawnSync(tsc, ["-p", join(here, "package/tsconfig.json"), ...settings], {
      encoding: "utf8"
    })
    if (status !== 0) throw new Error(`the declarations cannot be made:\n${stdout}`)
    const files = globSync("**/*.d.ts", { cwd: folder }).toSorted()
    return new Map(
      files.map((file) => {
        const path = file.replace(/\.d\.ts$/, "")
        return [path, readModule(path, readFileSync(join(folder, file), "utf8"))]
      })
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const readModule = (path: string, text: string): Module => {
  const { comments, program } = parseSync(`${path}.d.ts`, text)
  const declared = new Map<string, Array<Declaration>>()
  for (const statement of program.body)
    for (const one of declarationsOf(path, statement)) declared.set(one.name, [...(declared.get(one.name) ?? []), one])
  const imported = new Map(program.body.flatMap((statement) => importsOf(path, statement)))
  const exported = new Map(program.body.flatMap((statement) => exportsOf(path, statement)))
  return { path, text, comments, declared, imported, exported }
}

const declarationsOf = (module: string, statement: Node): ReadonlyArray<Declaration> => {
  const node = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement
  if (node === null) return []
  const of = (name: string) => ({ name, module, node, start: statement.start, end: statement.end })
  switch (node.type) {
    case "VariableDeclaration":
      return node.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [of(id.name)] : []))
    case "ClassDeclaration":
    case "FunctionDeclaration":
    case "TSDeclareFunction":
      return node.id === null ? [] : [of(node.id.name)]
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return [of(node.id.name)]
    default:
      return []
  }
}

type Named = readonly [string, Place]

const importsOf = (path: string, statement: Node): ReadonlyArray<Named> => {
  if (statement.type !== "ImportDeclaration") return []
  const from = resolved(path, statement.source.value)
  if (from === undefined) return []
  return statement.specifiers.map((one): Named => {
    const name =
      one.type === "ImportSpecifier" ? nameOf(one.imported) : one.type === "ImportDefaultSpecifier" ? "default" : "*"
    return [one.local.name, { path: from, name }]
  })
}

const exportsOf = (path: string, statement: Node): ReadonlyArray<Named> => {
  if (statement.type === "ExportAllDeclaration") {
    const from = resolved(path, statement.source.value)
    return from === undefined || statement.exported === null
      ? []
      : [[nameOf(statement.exported), { path: from, name: "*" }]]
  }
  if (statement.type !== "ExportNamedDeclaration") return []
  if (statement.declaration !== null)
    return declarationsOf(path, statement).map(({ name }): Named => [name, { path, name }])
  const from = statement.source === null ? path : resolved(path, statement.source.value)
  if (from === undefined) return []
  return statement.specifiers.map((one): Named => [nameOf(one.exported), { path: from, name: nameOf(one.local) }])
}

const nameOf = (node: Node): string =>
  node.type === "Identifier" ? node.name : node.type === "Literal" ? String(node.value) : ""

/** Of files of the library only. */
const resolved = (path: string, source: string) =>
  source.startsWith(".") ? normalize(join(dirname(path), source)).replace(/\.(ts|js)$/, "") : undefined

/** Where a name is declared in the end, whoever hands it on; undefined: not in the library. */
export const declarationsAt = (modules: Modules, { name, path }: Place): ReadonlyArray<Declaration> => {
  const module = modules.get(path)
  const own = module?.declared.get(name)
  if (own !== undefined) return own
  const elsewhere = module?.imported.get(name) ?? module?.exported.get(name)
  if (elsewhere === undefined || elsewhere.name === "*") return []
  return elsewhere.path === path && elsewhere.name === name ? [] : declarationsAt(modules, elsewhere)
}

/** Names it mentions that are declared in the library: those of its own file, and imported ones. */
export const mentionedIn = (modules: Modules, { module, node }: Declaration): ReadonlyArray<Declaration> => {
  const found = new Set<Declaration>()
  const add = (place: Place) => declarationsAt(modules, place).forEach((one) => found.add(one))
  for (const one of withDescendants(node)) {
    if (one.type === "Identifier") add({ path: module, name: one.name })
    if (one.type !== "TSImportType" || one.source.type !== "Literal" || one.qualifier === null) continue
    const from = resolved(module, String(one.source.value))
    if (from !== undefined && one.qualifier.type === "Identifier") add({ path: from, name: one.qualifier.name })
  }
  return [...found].filter((one) => one.node !== node)
}

const withDescendants = (node: Node): ReadonlyArray<Node> => [
  node,
  ...(visitorKeys[node.type] ?? [])
    .flatMap((key) => [Reflect.get(node, key)].flat())
    .filter(isNode)
    .flatMap(withDescendants)
]

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** The docstring before a declaration, as Markdown; empty when there is none. */
export const docOf = (modules: Modules, { module, start }: Declaration): string => {
  const { comments = [], text = "" } = modules.get(module) ?? {}
  const before = comments.findLast(({ end, type }) => type === "Block" && end <= start)
  if (before === undefined || !before.value.startsWith("*") || text.slice(before.end, start).trim() !== "") return ""
  return markdownOf(before.value)
}

/** The docstring of a file: its first comment, when that is not about the first declaration. */
export const moduleDocOf = (modules: Modules, path: string): string => {
  const { comments = [], text = "" } = modules.get(path) ?? {}
  const [first] = comments
  if (first === undefined || text.slice(0, first.start).trim() !== "" || !first.value.startsWith("*")) return ""
  return /^\s*(import|export \*|export \{|export type \{)/.test(text.slice(first.end)) ? markdownOf(first.value) : ""
}

const markdownOf = (comment: string) =>
  comment
    .replace(/^\*/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join("\n")
    .trim()
