import { Console, Effect, FileSystem } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { commitOf, outputFlag, serverFlags, serversOf } from "./commandFlags.ts"
import { benchDurability, type Durability } from "./Durability.ts"
import { type Extent, type Grown, type Growth, measureGrowth } from "./Growth.ts"
import { growthMarkdown, type GrowthReport, growthText } from "./GrowthReport.ts"
import { growths } from "./growths.ts"
import { phases, streamBytesOf, usual } from "./Phases.ts"
import { machine } from "./Machine.ts"
import { machineText } from "./Report.ts"
import { plotOf } from "./Plot.ts"
import { scratch } from "./Scratch.ts"

const names = growths.map(({ name }) => name)

const flags = {
  names: Argument.String("what").pipe(
    Argument.withDescription(`What grows: ${names.join(", ")}; all of them unless some are named`),
    Argument.variadic()
  ),
  quick: Flag.Boolean("quick").pipe(
    Flag.withDescription("Small sizes, one run: some minutes, and no more than a proof that it works"),
    Flag.withDefault(false)
  ),
  huge: Flag.Boolean("huge").pipe(
    Flag.withDescription("Goes on to a backlog of ten million: half an hour more, and 10 GB of disk"),
    Flag.withDefault(false)
  ),
  runs: Flag.Int("runs").pipe(Flag.withDescription("Runs of each, of which medians are taken"), Flag.withDefault(1)),
  output: outputFlag,
  write: Flag.Boolean("write").pipe(
    Flag.withDescription("Write bench/GROWTH.md and the plots in bench/growth"),
    Flag.withDefault(false)
  ),
  ...serverFlags
}

/** The first load would pay for what is compiled in it. */
const warmUp = Effect.gen(function* () {
  const load = { ...usual, events: 5_000 }
  const { services, stream } = yield* scratch("warm-up", streamBytesOf(load))
  yield* phases(services, stream, load)
}).pipe(Effect.scoped)

const grow = Effect.fnUntraced(function* (growth: Growth, extent: Extent, runs: number, durability: Durability) {
  const begin = performance.now()
  const series = yield* measureGrowth(growth, extent, runs)
  const { axis, isMoreWork, name, settings, what } = growth
  return {
    growth: { name, what, axis, isMoreWork },
    series,
    settings: settings(extent),
    durability,
    seconds: (performance.now() - begin) / 1_000
  } satisfies Grown
})

const written = Effect.fnUntraced(function* (report: GrowthReport) {
  const files = yield* FileSystem.FileSystem
  const folder = `${import.meta.dirname}/growth`
  yield* files.makeDirectory(folder, { recursive: true })
  yield* Effect.forEach(report.growths, ({ growth, series }) =>
    files.writeFileString(`${folder}/${growth.name}.svg`, plotOf(`${growth.name}: ${growth.what}`, growth.axis, series))
  )
  yield* files.writeFileString(`${import.meta.dirname}/GROWTH.md`, growthMarkdown(report))
})

const extentOf = (isQuick: boolean, isHuge: boolean): Extent => {
  if (isQuick) return "quick"
  return isHuge ? "huge" : "full"
}

/** `pnpm bench growth`. */
export const growthCommand = Command.make(
  "growth",
  flags,
  Effect.fnUntraced(function* (given) {
    const unknown = given.names.find((name) => !names.includes(name))
    if (unknown !== undefined) return yield* Console.error(`nothing here is called ${unknown}: ${names.join(", ")}`)
    const extent = extentOf(given.quick, given.huge)
    const runs = given.quick ? 1 : given.runs
    const isText = given.output === "text"
    const measured = Effect.gen(function* () {
      const where = yield* machine
      const durability = yield* benchDurability
      if (isText) yield* Console.log(`${machineText(where)}\n`)
      yield* warmUp
      const done: Array<Grown> = []
      for (const growth of growths.filter(({ name }) => given.names.length === 0 || given.names.includes(name))) {
        const one = yield* grow(growth, extent, runs, durability)
        done.push(one)
        if (isText) yield* Console.log(`${growthText(one)}\n`)
      }
      return {
        atMs: Date.now(),
        commit: commitOf(),
        extent,
        runs,
        machine: where,
        growths: done
      } satisfies GrowthReport
    })
    const report = yield* Effect.provide(measured, serversOf(given))
    if (!isText) yield* Console.log(JSON.stringify(report, undefined, 2))
    if (given.write) yield* written(report)
  })
).pipe(Command.withDescription("What an event costs as one thing grows while all others stay: tables, and plots."))
