/** All rules of the architecture by the name a failing test shows. A new rule needs a mutant that breaks it. */
import { noBarrels } from "./Barrels.ts"
import { noFileCycles, noFolderCycles } from "./Cycles.ts"
import { exportsAreDocumented, noLiveLayers, serviceIdsArePaths } from "./Exports.ts"
import {
  assertionsHaveReasons,
  fewAssertions,
  noAny,
  noConsole,
  noLetInDomain,
  noNonNull,
  noThrowOrTry
} from "./Habits.ts"
import { everyFileHasALayer, importsFollowTheTable, noForeignInternals } from "./ImportTable.ts"
import {
  budgets,
  controlIsFlat,
  filesAreSmall,
  functionsAreSmall,
  medianFileIsSmall,
  mostFunctionsAreTiny
} from "./Metrics.ts"
import { everySourceParses, fewRuntimeDependencies, filesAreNamedAfterConcepts } from "./Project.ts"
import type { Checker } from "./Source.ts"

export const rules: Readonly<Record<string, Checker>> = {
  "every source parses": everySourceParses,
  "every file of src belongs to a layer": everyFileHasALayer,
  "imports follow the table": importsFollowTheTable,
  "no package is entered through an internal path": noForeignInternals,
  "no cycles of value imports between files": noFileCycles,
  "no cycles between the top folders": noFolderCycles,
  "no barrels inside": noBarrels,
  [`files have at most ${budgets.fileLines} lines, tests ${budgets.testLines}`]: filesAreSmall,
  [`the median file has at most ${budgets.medianLines} lines`]: medianFileIsSmall,
  [`functions have at most ${budgets.functionLines} lines`]: functionsAreSmall,
  [`nine functions of ten have at most ${budgets.functionLinesP90} lines`]: mostFunctionsAreTiny,
  [`control is nested at most ${budgets.nesting} deep`]: controlIsFlat,
  "no any": noAny,
  "no non-null !": noNonNull,
  [`at most ${budgets.assertions} type assertions`]: fewAssertions,
  "every type assertion says why": assertionsHaveReasons,
  "no throw and no try outside adapters": noThrowOrTry,
  "no let in the domain": noLetInDomain,
  "no global console": noConsole,
  [`at most ${budgets.runtimeDependencies} runtime dependencies`]: fewRuntimeDependencies,
  "files are named after concepts": filesAreNamedAfterConcepts,
  "service ids are paths": serviceIdsArePaths,
  "exports of pipeline and domain are documented": exportsAreDocumented,
  "no layer is called Live": noLiveLayers
}
