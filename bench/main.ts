import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer, References } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import "effect/schema/SchemaJITCompiler/enable"
import { logger } from "../src/app/cli/logger.ts"
import { commitOf, outputFlag, serverFlags, serversOf } from "./commandFlags.ts"
import { benchDurability, type Durability } from "./Durability.ts"
import { growthCommand } from "./growthCommand.ts"
import { machine } from "./Machine.ts"
import { flameGraph, profiled, type SelfTime, selfTimes, shareByPackage } from "./Profile.ts"
import { markdown, machineText, type Measured, type Report, rowText } from "./Report.ts"
import type { Row, Size } from "./Row.ts"
import { rows } from "./rows.ts"
import { BenchServers } from "./Servers.ts"

const quick: Size = { runs: 1, scale: 0.2 }

const flags = {
  names: Argument.String("row").pipe(
    Argument.withDescription(
      `Rows by name or number: ${rows.map(({ name, number }) => `${number} ${name}`).join(", ")}`
    ),
    Argument.variadic()
  ),
  quick: Flag.Boolean("quick").pipe(
    Flag.withDescription("One run of each, a fifth of the events: some minutes"),
    Flag.withDefault(false)
  ),
  runs: Flag.Int("runs").pipe(Flag.withDescription("Paired runs of each row"), Flag.withDefault(5)),
  output: outputFlag,
  write: Flag.Boolean("write").pipe(Flag.withDescription("Write bench/RESULTS.md"), Flag.withDefault(false)),
  ...serverFlags
}

const wanted = (names: ReadonlyArray<string>): ReadonlyArray<Row> =>
  names.length === 0 ? rows : rows.filter((row) => names.includes(row.name) || names.includes(String(row.number)))

const measureRow = Effect.fnUntraced(function* (row: Row, size: Size, durability: Durability) {
  const begin = performance.now()
  const outcome = yield* Effect.scoped(row.measure(size))
  const seconds = (performance.now() - begin) / 1_000
  return { row, outcome, durability: outcome.durability ?? durability, seconds } satisfies Measured
})

const profileRow = Argument.String("row").pipe(Argument.withDescription("A row by name or number"))

const profile = Command.make(
  "profile",
  { row: profileRow },
  Effect.fnUntraced(function* ({ row: name }) {
    const [row] = wanted([name])
    if (row === undefined) return yield* Console.error(`there is no row ${name}`)
    const { profile: seen, value } = yield* Effect.flatMap(benchDurability, (durability) =>
      profiled(measureRow(row, { runs: 1, scale: 1 }, durability))
    ).pipe(Effect.provide(BenchServers.layer({ databaseUrl: undefined, natsUrl: undefined })))
    const files = yield* FileSystem.FileSystem
    const folder = `${import.meta.dirname}/profiles`
    yield* files.makeDirectory(folder, { recursive: true })
    yield* files.writeFileString(`${folder}/${row.name}.cpuprofile`, JSON.stringify(seen))
    yield* files.writeFileString(`${folder}/${row.name}.svg`, flameGraph(seen, `${row.name} at ${commitOf()}`))
    const line = ({ name: of, share, where }: SelfTime) =>
      `  ${(share * 100).toFixed(1).padStart(5)} %  ${of}  ${where}`
    yield* Console.log(`${rowText(value)}\n`)
    yield* Console.log(["by package:", ...shareByPackage(seen).slice(0, 15).map(line)].join("\n"))
    yield* Console.log(["by function:", ...selfTimes(seen, 40).map(line)].join("\n"))
    yield* Console.log(`bench/profiles/${row.name}.cpuprofile, .svg`)
  })
).pipe(
  Command.withDescription("Measures one row under the profiler: where its time goes, a CPU profile and a flame graph.")
)

const bench = Command.make(
  "bench",
  flags,
  Effect.fnUntraced(function* ({ names, output, quick: isQuick, runs, write, ...servers }) {
    const size: Size = isQuick ? quick : { runs, scale: 1 }
    const all = Effect.gen(function* () {
      const where = yield* machine
      const durability = yield* benchDurability
      if (output === "text") yield* Console.log(`${machineText(where)}\n`)
      const measured: Array<Measured> = []
      for (const row of wanted(names)) {
        const one = yield* measureRow(row, size, durability)
        measured.push(one)
        if (output === "text") yield* Console.log(`${rowText(one)}\n`)
      }
      return { atMs: Date.now(), commit: commitOf(), size, machine: where, rows: measured } satisfies Report
    })
    const report = yield* Effect.provide(all, serversOf(servers))
    if (output === "json") yield* Console.log(JSON.stringify(report, undefined, 2))
    if (!write) return
    const files = yield* FileSystem.FileSystem
    yield* files.writeFileString(`${import.meta.dirname}/RESULTS.md`, markdown(report))
  })
).pipe(
  Command.withDescription("Measures Millrace beside its peers and its limits, on this machine."),
  Command.withSubcommands([profile, growthCommand])
)

Command.run(bench, { version: "0" }).pipe(
  Effect.provideService(References.TracerEnabled, false),
  Effect.provide(Layer.mergeAll(NodeServices.layer, logger)),
  NodeRuntime.runMain
)
