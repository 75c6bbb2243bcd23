/** What a module exports: documented, named well, and known to Context by its own path. */
import type { Expression, Node } from "oxc-parser"
import { at, type Checker, type Module, modulesIn, textOf, type Violation } from "./Source.ts"

export interface Exported {
  readonly name: string
  readonly isType: boolean
  /** The class, function, type, or declarator. */
  readonly node: Node
  /** Where the whole statement begins, `export` included. */
  readonly start: number
}

/** One docstring per name: a type beside the value of the same name shares it. */
export const exportsAreDocumented: Checker = (sources) =>
  modulesIn(sources, "src/pipeline", "src/domain", "src/testing").flatMap((module) => {
    const byName = Map.groupBy(exportedBy(module), (exported) => exported.name)
    return [...byName.values()]
      .filter((same) => !same.some((exported) => hasDocstring(module, exported.start)))
      .flatMap(([first]) => (first === undefined ? [] : [at(module, first.start, `${first.name} has no docstring`)]))
  })

export const serviceIdsArePaths: Checker = (sources) => modulesIn(sources, "src").flatMap(wrongServiceIds)

export const noLiveLayers: Checker = (sources) =>
  modulesIn(sources, "src").flatMap((module) =>
    exportedBy(module).flatMap((exported) =>
      [exported, ...staticMembers(module, exported)]
        .filter((named) => !named.isType && /^(?!is|has)\w*Live$/.test(named.name))
        .map((named) => at(module, named.start, `${named.name}: call a layer layer, layerMemory, layerTest`))
    )
  )

/** Everything the module declares and exports; re-exports are documented where they are declared. */
export const exportedBy = (module: Module): ReadonlyArray<Exported> => {
  const declared = module.body.flatMap((node) => declarations(module, node))
  return module.body.flatMap((node) => {
    if (node.type === "ExportDefaultDeclaration")
      return [{ name: "default", isType: false, node: node.declaration, start: node.start }]
    if (node.type !== "ExportNamedDeclaration") return []
    if (node.declaration !== null) return declarations(module, node.declaration, node.start)
    const listed = node.source === null ? node.specifiers.map((specifier) => textOf(module, specifier.local)) : []
    return declared.filter((one) => listed.includes(one.name))
  })
}

const declarations = (module: Module, node: Node, start = node.start): ReadonlyArray<Exported> => {
  switch (node.type) {
    case "VariableDeclaration":
      return node.declarations.map((one) => ({ name: bindingName(module, one.id), isType: false, node: one, start }))
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
      return [{ name: node.id?.name ?? "", isType: false, node, start }]
    case "TSTypeAliasDeclaration":
    case "TSInterfaceDeclaration":
    case "TSEnumDeclaration":
    case "TSModuleDeclaration":
      return [{ name: textOf(module, node.id), isType: true, node, start }]
    default:
      return []
  }
}

const bindingName = (module: Module, node: Node): string =>
  node.type === "Identifier" ? node.name : textOf(module, node)

/** A JSDoc block with words in it; only line comments (of the linter, say) may stand between. */
const hasDocstring = (module: Module, start: number): boolean => {
  const before = module.comments.filter((comment) => comment.type === "Block" && comment.end <= start).at(-1)
  if (before === undefined || !/^\*[\s*]*\w/.test(before.value)) return false
  return /^[ \t]*\r?\n?([ \t]*\/\/[^\n]*\n)*[ \t]*$/.test(module.text.slice(before.end, start))
}

const staticMembers = (module: Module, exported: Exported): ReadonlyArray<Exported> =>
  exported.node.type !== "ClassDeclaration"
    ? []
    : exported.node.body.body.flatMap((member) =>
        (member.type === "PropertyDefinition" || member.type === "MethodDefinition") && member.static
          ? [{ name: textOf(module, member.key), isType: false, node: member, start: member.start }]
          : []
      )

const wrongServiceIds = (module: Module): ReadonlyArray<Violation> => {
  const services = exportedBy(module).flatMap((exported) => {
    const call = serviceCall(exported.node)
    return call === undefined ? [] : [{ exported, id: call.arguments[0] }]
  })
  const path = module.path.replace(/^src\//, "millrace/").replace(/\.tsx?$/, "")
  return services.flatMap(({ exported, id }) => {
    const wanted = services.length === 1 ? path : path.replace(/[^/]+$/, exported.name)
    const given = id?.type === "Literal" ? id.value : undefined
    if (given === wanted) return []
    const written = id === undefined ? "none" : textOf(module, id)
    return [at(module, exported.start, `the id of service ${exported.name} is ${written}, should be "${wanted}"`)]
  })
}

type Call = Extract<Node, { type: "CallExpression" }>

/** `class X extends Context.Service<X, Shape>()("id")`, or `const X = Context.Service<Shape>("id")`. */
const serviceCall = (node: Node): Call | undefined => {
  const expression =
    node.type === "ClassDeclaration" ? node.superClass : node.type === "VariableDeclarator" ? node.init : null
  return expression?.type === "CallExpression" && isContextService(expression) ? expression : undefined
}

const isContextService = (expression: Expression): boolean =>
  expression.type === "CallExpression"
    ? isContextService(expression.callee)
    : expression.type === "MemberExpression" &&
      expression.object.type === "Identifier" &&
      expression.object.name === "Context" &&
      expression.property.type === "Identifier" &&
      expression.property.name === "Service"
