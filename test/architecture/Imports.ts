import type { Expression, ImportDeclarationSpecifier, ModuleExportName, Node, TSImportTypeQualifier } from "oxc-parser"
import { posix } from "node:path"
import { lineOf, type Module } from "./Source.ts"

/** An import in any spelling: `import`, `export … from`, `import()`, `import type`, `typeof import()`. */
export interface Import {
  readonly file: string
  readonly line: number
  /** As written; of a template literal its fixed beginning; empty when it is computed. */
  readonly specifier: string
  /** Names taken from the module; `*` for the whole of it; none for a side effect. */
  readonly names: ReadonlyArray<string>
  /** Erased before it runs. `import { type A }` is not: `verbatimModuleSyntax` keeps the statement. */
  readonly typeOnly: boolean
}

/** The path from the repository's root, or undefined for a package. */
export const targetOf = (from: Import): string | undefined =>
  from.specifier.startsWith(".") ? posix.join(posix.dirname(from.file), from.specifier) : undefined

export const importsOf = (module: Module): ReadonlyArray<Import> =>
  module.nodes.flatMap((node) => {
    const found = read(node)
    return found === undefined ? [] : [{ ...found, file: module.path, line: lineOf(module, node.start) }]
  })

type Found = Pick<Import, "specifier" | "names" | "typeOnly">

const read = (node: Node): Found | undefined => {
  switch (node.type) {
    case "ImportDeclaration":
      return found(node.source.value, node.specifiers.map(importedName), node.importKind === "type")
    case "ExportNamedDeclaration":
      return node.source === null ? undefined : reExported(node, node.source.value)
    case "ExportAllDeclaration":
      return found(node.source.value, ["*"], node.exportKind === "type")
    case "ImportExpression":
      return found(staticText(node.source), ["*"], false)
    case "TSImportType":
      return found(node.source.value, [node.qualifier === null ? "*" : firstName(node.qualifier)], true)
    case "TSExternalModuleReference":
      return found(node.expression.value, ["*"], false)
    default:
      return undefined
  }
}

const found = (specifier: string, names: ReadonlyArray<string>, typeOnly: boolean): Found => ({
  specifier,
  names,
  typeOnly
})

const reExported = (node: Extract<Node, { type: "ExportNamedDeclaration" }>, specifier: string): Found =>
  found(
    specifier,
    node.specifiers.map((specifier) => exportName(specifier.local)),
    node.exportKind === "type"
  )

const importedName = (specifier: ImportDeclarationSpecifier): string => {
  if (specifier.type === "ImportSpecifier") return exportName(specifier.imported)
  return specifier.type === "ImportDefaultSpecifier" ? "default" : "*"
}

const exportName = (name: ModuleExportName): string => (name.type === "Literal" ? name.value : name.name)

const firstName = (qualifier: TSImportTypeQualifier): string =>
  qualifier.type === "Identifier" ? qualifier.name : firstName(qualifier.left)

const staticText = (source: Expression): string => {
  if (source.type === "Literal") return String(source.value)
  return source.type === "TemplateLiteral" ? (source.quasis[0]?.value.cooked ?? "") : ""
}
