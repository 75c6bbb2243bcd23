/** Budgets of size and depth; the figures and their origin are in the style guide. */
import type { Node } from "oxc-parser"
import { at, type Checker, childrenOf, lineOf, type Module, modulesIn, type Source, type Violation } from "./Source.ts"

export const budgets = {
  fileLines: 300,
  testLines: 400,
  medianLines: 90,
  functionLines: 60,
  functionLinesP90: 25,
  nesting: 2,
  assertions: 10,
  runtimeDependencies: 6
} as const

export const filesAreSmall: Checker = (sources) => [
  ...tooLong(modulesIn(sources, "src", "examples"), budgets.fileLines),
  ...tooLong(modulesIn(sources, "test"), budgets.testLines)
]

export const medianFileIsSmall: Checker = (sources) => {
  const median = medianOf(modulesIn(sources, "src").map(linesOf))
  return median <= budgets.medianLines
    ? []
    : [{ file: "src", line: 1, what: `the median file has ${median} lines, budget ${budgets.medianLines}` }]
}

export const functionsAreSmall: Checker = (sources) =>
  biggestFirst(modulesIn(sources, "src", "examples"))
    .filter((sized) => sized.lines > budgets.functionLines)
    .map((sized) => at(sized.module, sized.start, describe(sized)))

export const mostFunctionsAreTiny: Checker = (sources) => {
  const sized = biggestFirst(modulesIn(sources, "src"))
  const p90 = sized[Math.floor(sized.length / 10)]
  if (p90 === undefined || p90.lines <= budgets.functionLinesP90) return []
  const what = `the 90th percentile of functions has ${p90.lines} lines, budget ${budgets.functionLinesP90}; the biggest:`
  return [{ file: "src", line: 1, what }, ...sized.slice(0, 10).map((one) => at(one.module, one.start, describe(one)))]
}

export const controlIsFlat: Checker = (sources) =>
  modulesIn(sources, "src", "examples").flatMap((module) =>
    module.body.flatMap((node) => tooDeep(node, 0)).map((node) => at(module, node.start, deepness))
  )

const deepness = `control nested more than ${budgets.nesting} deep`

const linesOf = (source: Source): number => source.text.replace(/\n$/, "").split("\n").length

const tooLong = (modules: ReadonlyArray<Module>, budget: number): ReadonlyArray<Violation> =>
  modules
    .filter((module) => linesOf(module) > budget)
    .map((module) => ({ file: module.path, line: budget + 1, what: `${linesOf(module)} lines, budget ${budget}` }))

const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? upper
  return (lower + upper) / 2
}

interface Sized {
  readonly module: Module
  readonly start: number
  readonly lines: number
}

const biggestFirst = (modules: ReadonlyArray<Module>): ReadonlyArray<Sized> =>
  modules
    .flatMap((module) => module.nodes.filter(isFunction).map((node) => sizeOf(module, node)))
    .toSorted((a, b) => b.lines - a.lines)

const sizeOf = (module: Module, node: Node): Sized => ({
  module,
  start: node.start,
  lines: lineOf(module, node.end) - lineOf(module, node.start) + 1
})

const describe = (sized: Sized): string => {
  const line = sized.module.text.split("\n")[lineOf(sized.module, sized.start) - 1] ?? ""
  return `a function of ${sized.lines} lines: ${line.trim()}`
}

const isFunction = (node: Node): boolean =>
  node.type === "ArrowFunctionExpression" ||
  ((node.type === "FunctionDeclaration" || node.type === "FunctionExpression") && node.body !== null)

const control = new Set<Node["type"]>([
  "IfStatement",
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "WhileStatement",
  "DoWhileStatement",
  "SwitchStatement",
  "TryStatement"
])

/** The outermost statements beyond the budget; each function starts again at zero. */
const tooDeep = (node: Node, depth: number): ReadonlyArray<Node> => {
  if (isFunction(node)) return childrenOf(node).flatMap((child) => tooDeep(child, 0))
  const here = control.has(node.type) ? depth + 1 : depth
  const below = childrenOf(node).flatMap((child) => tooDeep(child, isElseIf(node, child) ? depth : here))
  return here > depth && here === budgets.nesting + 1 ? [node, ...below] : below
}

/** `else if` reads as one flat choice. */
const isElseIf = (node: Node, child: Node): boolean =>
  node.type === "IfStatement" && child.type === "IfStatement" && node.alternate === child
