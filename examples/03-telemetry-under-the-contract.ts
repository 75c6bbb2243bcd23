/**
 * A domain of its own, device telemetry, played through the same contract as the order app: random histories of crashes,
 * frozen instances and lost answers, judged by the same oracle.
 *
 *     node examples/03-telemetry-under-the-contract.ts
 */
import { Console, Effect, Schema } from "effect"
import { EventStream, Handler, Transactor } from "millrace"
import { type Effects, type Random, Simulation } from "millrace/testing"

const Celsius = Schema.Finite.check(Schema.isBetween({ minimum: -60, maximum: 150 }))
const Installed = Schema.TaggedStruct("Installed", { device: Schema.String, place: Schema.String })
const Measured = Schema.TaggedStruct("Measured", { device: Schema.String, celsius: Celsius })
const Removed = Schema.TaggedStruct("Removed", { device: Schema.String })

/** What one device reports stays in order; devices do not wait for each other. */
const Telemetry = EventStream.make("telemetry", {
  subject: "device",
  events: { installed: Installed, measured: Measured, removed: Removed },
  key: (event) => event.device
})

const devices = ["boiler", "freezer", "oven"] as const

/** A device is installed, measures a few times and is removed, in one transaction. */
const report = Effect.fnUntraced(function* (random: Random) {
  const { run } = yield* Transactor
  const device = random.pick(devices)
  const measured = Array.from({ length: random.between(1, 4) }, () =>
    Measured.make({ device, celsius: random.between(-20, 90) })
  )
  const installed = Installed.make({ device, place: `hall ${random.between(1, 9)}` })
  yield* run(Telemetry.append([installed, ...measured, Removed.make({ device })]))
})

type Event = EventStream.EventOf<typeof Telemetry.events>

/** The newest of each device, kept in the handler's transaction. */
const newest = (values: Map<string, string>) =>
  Handler.transactional(Telemetry, "newest", {}, ({ event }) =>
    Effect.flatMap(Transactor, ({ afterCommit }) =>
      afterCommit(Effect.sync(() => void values.set(event.device, textOf(event))))
    )
  )

const textOf = (event: Event) => (event._tag === "Measured" ? `${event.celsius} °C` : event._tag)

/** Warns of heat, outside: at least once. */
const warning = Handler.external(Telemetry, "warning", { on: ["measured"] }, ({ event }) =>
  event.celsius > 80 ? Effect.logDebug(`${event.device} is hot`) : Effect.void
)

const play = (effects: Effects) => {
  const values = new Map<string, string>()
  return {
    handlers: [effects.observe(newest(values)), effects.observe(warning)],
    write: report,
    // Whatever happened on the way, and whoever wrote at the same time: what came last has to be seen last.
    wrong: () =>
      [...values].flatMap(([device, value]) => (value === "Removed" ? [] : [`${device} still shows ${value}`]))
  }
}

const histories = 60

const main = Simulation.check({ stream: Telemetry, play }, histories).pipe(
  Effect.andThen(Console.log(`telemetry: ${histories} histories, every promise held`))
)

await Effect.runPromise(main)
