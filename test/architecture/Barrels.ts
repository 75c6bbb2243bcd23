/** No barrels inside: `index.ts` only at package edges, and never imported from behind its own edge. */
import { importsOf, targetOf } from "./Imports.ts"
import { unitOf } from "./ImportTable.ts"
import { at, type Checker, type Module, modulesIn, type Violation } from "./Source.ts"

const packageEdge = /^src\/(pipeline|ops|testing|infra\/[^/]+)\/index\.ts$/
const index = /(^|\/)index\.tsx?$/

export const noBarrels: Checker = (sources) =>
  modulesIn(sources, "src").flatMap((module) => [
    ...misplacedIndex(module),
    ...reExportsOnly(module),
    ...ownIndex(module)
  ])

const misplacedIndex = (module: Module): ReadonlyArray<Violation> =>
  index.test(module.path) && !packageEdge.test(module.path)
    ? [at(module, 0, "an index away from the edge of a package")]
    : []

/** A barrel by another name. */
const reExportsOnly = (module: Module): ReadonlyArray<Violation> =>
  !index.test(module.path) && module.body.length > 0 && module.body.every(isReExport)
    ? [at(module, 0, "only re-exports: import the files themselves")]
    : []

const isReExport = (node: Module["body"][number]): boolean =>
  node.type === "ExportAllDeclaration" || (node.type === "ExportNamedDeclaration" && node.source !== null)

const ownIndex = (module: Module): ReadonlyArray<Violation> =>
  importsOf(module).flatMap((from) => {
    const target = targetOf(from)
    const own = target !== undefined && index.test(target) && unitOf(target) === unitOf(module.path)
    return own ? [{ file: from.file, line: from.line, what: `imports the index of its own folder, ${target}` }] : []
  })
