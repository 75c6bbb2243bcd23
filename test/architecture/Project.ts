/** Rules about the whole: names of files, what is installed at run time, and that all of it can be read. */
import { budgets } from "./Metrics.ts"
import { type Checker, modulesIn } from "./Source.ts"

interface Manifest {
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

export const everySourceParses: Checker = (sources) =>
  modulesIn(sources, "src", "test", "examples").flatMap((module) => module.errors)

export const filesAreNamedAfterConcepts: Checker = (sources) =>
  modulesIn(sources, "src", "examples").flatMap((module) =>
    wordsOf(module.path)
      .filter((word) => nameless.test(word))
      .map((word) => ({ file: module.path, line: 1, what: `"${word}" names no concept` }))
  )

export const fewRuntimeDependencies: Checker = (sources) =>
  sources
    .filter((source) => source.path === "package.json")
    .flatMap((source) => {
      const names = runtimeDependencies(source.text)
      const what = `${names.length} runtime dependencies, budget ${budgets.runtimeDependencies}: ${names.join(", ")}`
      return names.length <= budgets.runtimeDependencies ? [] : [{ file: source.path, line: 1, what }]
    })

const nameless = /^(utils?|helpers?|common|managers?)$/i

/** `src/pipeline/KeyManager.ts` reads src, pipeline, Key, Manager, ts. */
const wordsOf = (path: string): ReadonlyArray<string> => path.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/)

const runtimeDependencies = (text: string): ReadonlyArray<string> => {
  const manifest: Manifest = JSON.parse(text)
  return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).toSorted()
}
