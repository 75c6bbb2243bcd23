/**
 * An event that changes while old ones are stored and old programs still run: versions with the way from one to the next,
 * a rolling deploy, and a corpus that says what would no longer read.
 *
 *     node examples/12-evolving-an-event.ts
 */
import { Console, Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import * as MemoryPipeline from "../src/infra/memory/MemoryPipeline.ts"
import * as Event from "../src/pipeline/Event.ts"
import * as EventStream from "../src/pipeline/EventStream.ts"
import * as Handler from "../src/pipeline/Handler.ts"
import { ParkingDesk } from "../src/pipeline/ParkingDesk.ts"
import * as Pipeline from "../src/pipeline/Pipeline.ts"
import { SignalSink } from "../src/pipeline/Signals.ts"
import { Transactor } from "../src/pipeline/Transactor.ts"
import { checkCorpus } from "../src/testing/index.ts"

const Measured1 = Schema.TaggedStruct("Measured", { sensor: Schema.String, fahrenheit: Schema.Finite })
const Measured2 = Schema.TaggedStruct("Measured", { sensor: Schema.String, celsius: Schema.Finite })

const streamOf = <Measured extends Event.EventDefinition & { readonly Type: { readonly sensor: string } }>(
  measured: Measured
) => EventStream.make("telemetry", { subject: "telemetry", events: { measured }, key: (event) => event.sensor })

/** The program as it was. */
const before = streamOf(Measured1)

/** The program as it is: the old version stays, with the way to the new one. */
const today = streamOf(
  Event.versions(Measured1).next(Measured2, ({ fahrenheit, sensor }) =>
    Measured2.make({ sensor, celsius: Math.round((fahrenheit - 32) / 0.18) / 10 })
  )
)

const main = Effect.gen(function* () {
  const services = yield* Effect.context<Layer.Success<typeof MemoryPipeline.layer>>()
  const transactor = Context.get(services, Transactor)
  const desk = Context.get(services, ParkingDesk)
  const seen: Array<string> = []
  const start = Effect.fnUntraced(function* <E extends EventStream.EventSchemas>(
    id: string,
    stream: EventStream.EventStream<E>
  ) {
    const scope = yield* Scope.make()
    const show = Handler.external(stream, "show", {}, ({ event, version }) =>
      Effect.sync(() => void seen.push(`${id} program: ${version} ${JSON.stringify(event)}`))
    )
    const instance = { id, host: "localhost", version: id, roles: [] }
    const live = Pipeline.layer(stream, [show], { partitions: 1, instance })
    yield* Layer.buildWithScope(Layer.provide(live, Layer.succeedContext(services)), scope)
    return { stop: Scope.close(scope, Exit.void) }
  })
  const until = (done: Effect.Effect<boolean, unknown>) =>
    Effect.repeat(Effect.andThen(Effect.sleep("10 millis"), done), { until: (yes) => yes })
  const aside = Effect.map(desk.list("telemetry", {}, 10), (keys) =>
    keys.map(({ reason, status }) => `${status}: ${reason.message}`)
  )

  const old = yield* start("old", before)
  yield* transactor.run(before.append([Measured1.make({ sensor: "roof", fahrenheit: 70 })]))
  // A rolling deploy: a program of today writes, and the handler still is an old one.
  yield* transactor.run(today.append([Measured2.make({ sensor: "roof", celsius: 21.5 })]))
  yield* transactor.run(before.append([Measured1.make({ sensor: "roof", fahrenheit: 71.6 })]))
  yield* until(Effect.map(aside, (keys) => keys.length === 1 && seen.length === 1))
  yield* Console.log((yield* aside).join())
  yield* old.stop
  const now = yield* start("new", today)
  yield* until(Effect.sync(() => seen.length === 3))
  yield* Effect.forEach(seen, (line) => Console.log(line))
  yield* now.stop

  const corpus = ['{"type":"measured","schemaVersion":1,"payload":{"_tag":"Measured","fahrenheit":70,"sensor":"roof"}}']
  yield* Console.log(`corpus: ${checkCorpus(today, corpus).ok ? "read" : "not read"}`)
  const { faults } = checkCorpus(streamOf(Measured2), corpus)
  yield* Console.log(
    `without the old version: ${faults.map(({ detail, schemaVersion, type }) => `${type} ${schemaVersion}: ${detail}`).join()}`
  )
}).pipe(
  Effect.scoped,
  Effect.provideService(SignalSink, () => Effect.void),
  Effect.provide(MemoryPipeline.layer)
)

await Effect.runPromise(main)
