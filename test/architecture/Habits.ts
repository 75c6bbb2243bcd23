/** Words of the language this project does without, or uses sparingly and with a reason. */
import type { Node } from "oxc-parser"
import { budgets } from "./Metrics.ts"
import { at, type Checker, lineOf, type Module, modulesIn, textOf } from "./Source.ts"

export const noAny: Checker = (sources) =>
  every(modulesIn(sources, "src", "examples"), (node) => node.type === "TSAnyKeyword", "`any`: say what it is")

export const noNonNull: Checker = (sources) =>
  every(modulesIn(sources, "src", "examples"), isNonNull, "`!`: make the absence impossible or handle it")

export const noThrowOrTry: Checker = (sources) =>
  every(
    modulesIn(sources, "src", "examples").filter((module) => !module.path.startsWith("src/infra/")),
    (node) => node.type === "ThrowStatement" || node.type === "TryStatement",
    "throw or try outside an adapter: fail in the typed channel"
  )

export const noLetInDomain: Checker = (sources) =>
  every(modulesIn(sources, "src/domain"), isReassignable, "a reassignable binding in the domain")

export const noConsole: Checker = (sources) =>
  every(modulesIn(sources, "src"), isConsole, "the global console: use Effect's Console, or a signal")

export const fewAssertions: Checker = (sources) => {
  const all = modulesIn(sources, "src").flatMap((module) => assertionsOf(module).map((node) => ({ module, node })))
  if (all.length <= budgets.assertions) return []
  const what = `one of ${all.length} type assertions, budget ${budgets.assertions}`
  return all.map(({ module, node }) => at(module, node.start, `${what}: ${textOf(module, node)}`))
}

export const assertionsHaveReasons: Checker = (sources) =>
  modulesIn(sources, "src").flatMap((module) =>
    assertionsOf(module)
      .filter((node) => !hasReason(module, node))
      .map((node) => at(module, node.start, `a type assertion without a comment why: ${textOf(module, node)}`))
  )

const every = (modules: ReadonlyArray<Module>, isBad: (node: Node) => boolean, what: string) =>
  modules.flatMap((module) => module.nodes.filter(isBad).map((node) => at(module, node.start, what)))

const isNonNull = (node: Node): boolean =>
  node.type === "TSNonNullExpression" ||
  ((node.type === "VariableDeclarator" || node.type === "PropertyDefinition") && node.definite === true)

const isReassignable = (node: Node): boolean =>
  node.type === "VariableDeclaration" && (node.kind === "let" || node.kind === "var")

const isConsole = (node: Node): boolean =>
  node.type === "MemberExpression" &&
  (isNamed(node.object, "console") || (isNamed(node.object, "globalThis") && isNamed(node.property, "console")))

const isNamed = (node: Node, name: string): boolean => node.type === "Identifier" && node.name === name

type Assertion = Extract<Node, { type: "TSAsExpression" | "TSTypeAssertion" }>

const assertionsOf = (module: Module): ReadonlyArray<Assertion> => module.nodes.filter(isAssertion)

const isAssertion = (node: Node): node is Assertion =>
  (node.type === "TSAsExpression" || node.type === "TSTypeAssertion") && !isConst(node.typeAnnotation)

const isConst = (type: Node): boolean => type.type === "TSTypeReference" && isNamed(type.typeName, "const")

/** A comment on the line of the asserted type or of the expression's beginning, or on the line before either. */
const hasReason = (module: Module, node: Assertion): boolean => {
  const lines = [lineOf(module, node.start), lineOf(module, node.typeAnnotation.start)]
  return module.comments.some((comment) => {
    const first = lineOf(module, comment.start)
    const last = lineOf(module, comment.end)
    return lines.some((line) => first <= line && last >= line - 1)
  })
}
