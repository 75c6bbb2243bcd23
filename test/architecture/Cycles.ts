/** Cycles: every edge that lies on one is reported, with the shortest way back. */
import { type Import, importsOf, targetOf } from "./Imports.ts"
import { type Checker, modulesIn, type Violation } from "./Source.ts"

interface Edge {
  readonly from: string
  readonly to: string
  readonly where: Import
}

type Graph = ReadonlyMap<string, ReadonlyArray<string>>

/** Only what remains at run time: type-only imports between files may point back. */
export const noFileCycles: Checker = (sources) =>
  edgesOnCycles(
    edgesOf(sources, (from) => !from.typeOnly),
    "a cycle of files"
  )

export const noFolderCycles: Checker = (sources) =>
  edgesOnCycles(
    oncePerPair(
      edgesOf(sources, () => true)
        .map(betweenFolders)
        .filter(leavesItsFolder)
    ),
    "a cycle of folders"
  )

const edgesOf = (sources: Parameters<Checker>[0], keep: (from: Import) => boolean): ReadonlyArray<Edge> =>
  modulesIn(sources, "src")
    .flatMap(importsOf)
    .filter(keep)
    .flatMap((where) => {
      const to = targetOf(where)
      return to === undefined ? [] : [{ from: where.file, to, where }]
    })

const topFolder = (path: string): string => path.split("/").slice(0, 2).join("/")

const betweenFolders = (edge: Edge): Edge => ({ ...edge, from: topFolder(edge.from), to: topFolder(edge.to) })

const leavesItsFolder = (edge: Edge): boolean => edge.from !== edge.to

const oncePerPair = (edges: ReadonlyArray<Edge>): ReadonlyArray<Edge> => [
  ...new Map(edges.toReversed().map((edge) => [`${edge.from} ${edge.to}`, edge])).values()
]

const edgesOnCycles = (edges: ReadonlyArray<Edge>, what: string): ReadonlyArray<Violation> => {
  const graph = graphOf(edges)
  return edges.flatMap((edge) => {
    const back = shortestPath(graph, [[edge.to]], edge.from, new Set([edge.to]))
    if (back === undefined) return []
    return [{ file: edge.where.file, line: edge.where.line, what: `${what}: ${[edge.from, ...back].join(" -> ")}` }]
  })
}

const graphOf = (edges: ReadonlyArray<Edge>): Graph => {
  const byOrigin = Map.groupBy(edges, (edge) => edge.from)
  return new Map([...byOrigin].map(([from, out]) => [from, out.map((edge) => edge.to)]))
}

/** Breadth first: `paths` are all of one length and end in nodes not seen before. */
const shortestPath = (
  graph: Graph,
  paths: ReadonlyArray<ReadonlyArray<string>>,
  goal: string,
  seen: ReadonlySet<string>
): ReadonlyArray<string> | undefined => {
  const arrived = paths.find((path) => path.at(-1) === goal)
  if (arrived !== undefined || paths.length === 0) return arrived
  const longer = paths.flatMap((path) => (graph.get(path.at(-1) ?? "") ?? []).map((next) => [...path, next]))
  const fresh = [...new Map(longer.map((path) => [path.at(-1) ?? "", path])).entries()]
    .filter(([end]) => !seen.has(end))
    .map(([, path]) => path)
  return shortestPath(graph, fresh, goal, new Set([...seen, ...fresh.flatMap((path) => path.slice(-1))]))
}
