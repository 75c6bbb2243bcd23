import { Effect } from "effect"
import { type Profiler, Session } from "node:inspector/promises"

/** A CPU profile of this process, as DevTools and speedscope read it. */
export type CpuProfile = Profiler.Profile

const samplingMicros = 500

/** Runs an effect under the profiler. */
export const profiled = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly value: A; readonly profile: CpuProfile }, E, R> =>
  Effect.acquireUseRelease(
    Effect.promise(async () => {
      const session = new Session()
      session.connect()
      await session.post("Profiler.enable")
      await session.post("Profiler.setSamplingInterval", { interval: samplingMicros })
      await session.post("Profiler.start")
      return session
    }),
    (session) =>
      Effect.gen(function* () {
        const value = yield* effect
        const { profile } = yield* Effect.promise(() => session.post("Profiler.stop"))
        return { value, profile }
      }),
    (session) => Effect.sync(() => session.disconnect())
  )

/** A function, and what part of the time it had for itself. */
export interface SelfTime {
  readonly name: string
  readonly where: string
  readonly share: number
}

const nameOf = ({ callFrame }: Profiler.ProfileNode) => callFrame.functionName || "(anonymous)"

/** The file as people know it: below the repository, or the package it belongs to. */
const fileOf = (url: string): string => {
  const inPackage = /node_modules\/(?:\.pnpm\/[^/]+\/node_modules\/)?((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(url)
  if (inPackage !== null) return `${inPackage[1]}: ${inPackage[2]}`
  return url.replace(/^file:\/\/.*?\/(src|bench|test)\//, "$1/")
}

const ticksOf = ({ samples = [], timeDeltas = [] }: CpuProfile): ReadonlyMap<number, number> => {
  const ticks = new Map<number, number>()
  samples.forEach((id, i) => ticks.set(id, (ticks.get(id) ?? 0) + (timeDeltas[i] ?? 0)))
  return ticks
}

/** The functions with most time of their own; waiting is left out. */
export const selfTimes = (profile: CpuProfile, max: number): ReadonlyArray<SelfTime> => {
  const ticks = ticksOf(profile)
  const sums = new Map<string, { name: string; where: string; micros: number }>()
  let total = 0
  for (const node of profile.nodes) {
    const micros = ticks.get(node.id) ?? 0
    const name = nameOf(node)
    if (micros === 0 || name === "(idle)") continue
    total += micros
    const where = `${fileOf(node.callFrame.url)}:${node.callFrame.lineNumber + 1}`
    const sum = sums.get(`${name} ${where}`) ?? { name, where, micros: 0 }
    sum.micros += micros
    sums.set(`${name} ${where}`, sum)
  }
  return [...sums.values()]
    .toSorted((a, b) => b.micros - a.micros)
    .slice(0, max)
    .map(({ micros, name, where }) => ({ name, where, share: micros / total }))
}

/** The same by file's package, or top folder. */
export const shareByPackage = (profile: CpuProfile): ReadonlyArray<SelfTime> => {
  const sums = new Map<string, number>()
  const all = selfTimes(profile, Number.POSITIVE_INFINITY)
  for (const { name, share, where } of all) {
    const of = where.startsWith(":")
      ? name
      : (/^([^:]+):/.exec(where)?.[1] ?? where).replace(/^((?:src\/)?[^/]+\/[^/]+)\/.*$/, "$1")
    sums.set(of, (sums.get(of) ?? 0) + share)
  }
  return [...sums].map(([name, share]) => ({ name, where: "", share })).toSorted((a, b) => b.share - a.share)
}

const widthPx = 1_600
const rowPx = 16

/** Narrower frames cannot be seen. */
const visiblePx = 0.5

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")

/** A flame graph: time from left to right by share, callers below callees. Hover for names. */
export const flameGraph = (profile: CpuProfile, title: string): string => {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const ticks = ticksOf(profile)
  const totals = new Map<number, number>()
  const totalOf = (id: number): number => {
    const node = byId.get(id)
    const isIdle = node !== undefined && nameOf(node) === "(idle)"
    const own = isIdle ? 0 : (ticks.get(id) ?? 0)
    const total = (node?.children ?? []).reduce((sum, child) => sum + totalOf(child), own)
    totals.set(id, total)
    return total
  }
  const root = profile.nodes[0]
  const all = root === undefined ? 0 : totalOf(root.id)
  const frames: Array<string> = []
  let deepest = 0
  const draw = (id: number, x: number, depth: number) => {
    const node = byId.get(id)
    const width = ((totals.get(id) ?? 0) / all) * widthPx
    if (node === undefined || width < visiblePx) return
    deepest = Math.max(deepest, depth)
    const name = nameOf(node)
    const where = `${fileOf(node.callFrame.url)}:${node.callFrame.lineNumber + 1}`
    const percent = ((width / widthPx) * 100).toFixed(1)
    const hue = where.startsWith("src/") ? 20 : where.startsWith("effect:") ? 50 : 200
    const label =
      width > 40
        ? `<text x="${x + 2}" y="-${depth * rowPx + 4}">${escape(name.slice(0, Math.floor(width / 7)))}</text>`
        : ""
    frames.push(
      `<g><title>${escape(`${name} (${where}) ${percent} %`)}</title><rect x="${x.toFixed(1)}" y="-${(depth + 1) * rowPx}" width="${width.toFixed(1)}" height="${rowPx - 1}" fill="hsl(${hue} 80% ${70 - (depth % 3) * 5}%)"/>${label}</g>`
    )
    let at = x
    for (const child of node.children ?? []) {
      draw(child, at, depth + 1)
      at += ((totals.get(child) ?? 0) / all) * widthPx
    }
  }
  if (root !== undefined) draw(root.id, 0, 0)
  const height = (deepest + 2) * rowPx + 20
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -${height - 20} ${widthPx} ${height}" font-family="monospace" font-size="11">`,
    `<text x="4" y="14">${escape(title)}</text>`,
    ...frames,
    "</svg>"
  ].join("\n")
}
