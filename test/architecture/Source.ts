/** One file as the checkers see it: its path from the root of the repository, and its text. */
import { type Comment, type Node, parseSync, visitorKeys } from "oxc-parser"

export interface Source {
  readonly path: string
  readonly text: string
}

export interface Violation {
  readonly file: string
  readonly line: number
  readonly what: string
}

/** Checkers never read the file system, so a test can hand them mutants. */
export type Checker = (sources: ReadonlyArray<Source>) => ReadonlyArray<Violation>

export interface Module extends Source {
  readonly errors: ReadonlyArray<Violation>
  readonly body: ReadonlyArray<Node>
  readonly comments: ReadonlyArray<Comment>
  /** Every node of the tree, parents before children. */
  readonly nodes: ReadonlyArray<Node>
}

export const lineOf = (source: Source, offset: number): number => source.text.slice(0, offset).split("\n").length

/** As written, on one line. */
export const textOf = (source: Source, node: Node): string =>
  source.text.slice(node.start, node.end).replaceAll(/\s+/g, " ")

export const at = (source: Source, offset: number, what: string): Violation => ({
  file: source.path,
  line: lineOf(source, offset),
  what
})

export const print = (violation: Violation): string => `${violation.file}:${violation.line} ${violation.what}`

export const childrenOf = (node: Node): ReadonlyArray<Node> =>
  (visitorKeys[node.type] ?? []).flatMap((key) => [Reflect.get(node, key)].flat()).filter(isNode)

/** Parses once per source object, however many checkers ask. */
export const parse = (source: Source): Module => {
  const known = parsed.get(source)
  if (known !== undefined) return known
  const module = parseAnew(source)
  parsed.set(source, module)
  return module
}

/** The TypeScript modules below any of `folders`. */
export const modulesIn = (sources: ReadonlyArray<Source>, ...folders: ReadonlyArray<string>): ReadonlyArray<Module> =>
  sources.filter((source) => isTypeScript(source) && isBelow(source, folders)).map(parse)

const parsed = new WeakMap<Source, Module>()

const parseAnew = (source: Source): Module => {
  const { comments, errors, program } = parseSync(source.path, source.text)
  return {
    ...source,
    comments,
    errors: errors.map((error) => at(source, error.labels[0]?.start ?? 0, error.message)),
    body: program.body,
    nodes: withDescendants(program)
  }
}

const withDescendants = (node: Node): ReadonlyArray<Node> => [node, ...childrenOf(node).flatMap(withDescendants)]

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

const isTypeScript = (source: Source): boolean => /\.tsx?$/.test(source.path)

const isBelow = (source: Source, folders: ReadonlyArray<string>): boolean =>
  folders.some((folder) => source.path.startsWith(`${folder}/`))
