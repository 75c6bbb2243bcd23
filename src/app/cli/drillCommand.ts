import { Duration, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { blows, drillNames, type DrillResult, runDrill, seeded } from "../drill/Drill.ts"
import { exitCode, ExitWith } from "./exitCodes.ts"
import { outputFlag, print, say } from "./Output.ts"

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const flags = {
  name: Argument.Literals("disaster", drillNames),
  output: outputFlag,
  events: Flag.Int("events").pipe(
    Flag.withDescription("Events to send, three an order"),
    Flag.withDefault(2_000),
    Flag.withSchema(whole(3, 10_000_000))
  ),
  cycles: Flag.Int("cycles").pipe(
    Flag.withDescription("How often it strikes"),
    Flag.withDefault(5),
    Flag.withSchema(whole(1, 100_000))
  ),
  blow: Flag.Literals("blow", blows).pipe(
    Flag.withDescription(
      "What happens to a worker or relay: SIGKILL, SIGSTOP for less than its leases last, SIGSTOP for longer; without it one of them at random"
    ),
    Flag.optional
  ),
  down: Flag.Int("down").pipe(
    Flag.withDescription("Seconds a server stays down"),
    Flag.withDefault(3),
    Flag.withSchema(whole(0, 3_600))
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("Chooses when and whom it strikes; a random one is taken else"),
    Flag.optional
  )
}

/** `pnpm start drill`. */
export const drillCommand = Command.make(
  "drill",
  flags,
  Effect.fnUntraced(function* ({ blow, cycles, down, events, name, output, seed }) {
    const options = { name, events, cycles, blow: Option.getOrUndefined(blow), down: Duration.seconds(down), say }
    const result = yield* seeded(seed, runDrill(options)).pipe(Effect.scoped)
    yield* print(output, result, textOf(result))
    if (!result.ok) return yield* new ExitWith({ code: exitCode.orderViolated })
  })
).pipe(
  Command.withDescription(
    "A rehearsed disaster on throw-away servers, under load: kills (-9) or freezes what is named again and again, and ends with the audit. Pipelines in several processes take part; the one with the API is never struck. Exits 11 when anything was lost, doubled or out of order."
  ),
  Command.withShortDescription("A rehearsed disaster on throw-away servers, ends with the audit"),
  Command.withExamples([
    { command: "pnpm start drill broker --cycles 1 --down 30", description: "Half a minute without the broker" },
    {
      command: "pnpm start drill worker --cycles 20 --events 20000",
      description: "Workers killed and frozen, twenty times"
    }
  ])
)

const textOf = ({ audit, disasters, duplicated, events, lost, ok, outOfOrder, repeated }: DrillResult): string => {
  const number = new Intl.NumberFormat("en")
  const counts = `${number.format(events)} events, ${lost} lost, ${outOfOrder} out of order, ${duplicated} doubled, ${number.format(repeated)} repeated effects outside absorbed by their keys`
  const faults = audit.faults.map(
    ({ handler, key, kind, version }) => `  ${kind}: key ${key}, version ${version} ${handler}`
  )
  return [`${ok ? "held" : "BROKEN"}: ${disasters.length} disasters, ${counts}`, ...faults].join("\n")
}
