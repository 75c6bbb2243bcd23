/**
 * Testing a handler: what it does with an event after some others, what a whole pipeline makes of its faults, and a
 * receiver that is asked twice.
 *
 *     node examples/11-testing-a-handler.ts
 */
import { Console, Context, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as EventStream from "../src/pipeline/EventStream.ts"
import * as Handler from "../src/pipeline/Handler.ts"
import { retryPolicyDefault, withTags } from "../src/pipeline/RetryPolicy.ts"
import { HandlerTest, TestPipeline } from "../src/testing/index.ts"

const Rented = Schema.TaggedStruct("Rented", { bike: Schema.String, rider: Schema.String })
const Returned = Schema.TaggedStruct("Returned", { bike: Schema.String, rider: Schema.String, minutes: Schema.Int })

const Rentals = EventStream.make("rentals", {
  subject: "rental",
  events: { rented: Rented, returned: Returned },
  key: (event) => event.rider
})

class GatewayDown extends Schema.TaggedError<GatewayDown>()("GatewayDown", {}) {}
class CardRefused extends Schema.TaggedError<CardRefused>()("CardRefused", { rider: Schema.String }) {}

/** The payment gateway, as the program knows it. */
class Gateway extends Context.Service<
  Gateway,
  { readonly charge: (rider: string, cents: number, once: string) => Effect.Effect<void, GatewayDown | CardRefused> }
>()("examples/Gateway") {}

/** The handler under test. A refused card will be refused again: it is parked at once. */
const charge = Handler.external(
  Rentals,
  "charge",
  {
    on: ["returned"],
    retry: withTags<GatewayDown | CardRefused>({ CardRefused: { class: "poison" } })(retryPolicyDefault)
  },
  Effect.fnUntraced(function* ({ event, idempotencyKey }) {
    const gateway = yield* Gateway
    yield* gateway.charge(event.rider, event.minutes * 15, idempotencyKey)
  })
)

/** A gateway with faults on demand. */
const fakeGateway = () => {
  const charged = new Map<string, number>()
  const faults = { down: 0, refused: new Set<string>() }
  const layer = Layer.succeed(Gateway, {
    charge: Effect.fnUntraced(function* (rider, cents, once) {
      if (faults.down > 0) {
        faults.down -= 1
        return yield* new GatewayDown()
      }
      if (faults.refused.has(rider)) return yield* new CardRefused({ rider })
      charged.set(once, cents)
    })
  })
  const total = () => [...charged.values()].reduce((sum, cents) => sum + cents, 0)
  return { faults, layer, total }
}

const rented = (rider: string) => Rented.make({ bike: "b-1", rider })
const returned = (rider: string, minutes: number) => Returned.make({ bike: "b-1", rider, minutes })

const oneEvent = Effect.gen(function* () {
  const { faults, layer, total } = fakeGateway()
  const given = HandlerTest.given(Rentals, [rented("ada")])
  const handled = yield* given.when(charge, returned("ada", 10), { times: 2 }).pipe(Effect.provide(layer))
  yield* Console.log(`given a rental, when it is returned (and asked twice): ${handled._tag}, ${total()} cents`)
  faults.refused.add("bob")
  const failed = yield* given.when(charge, returned("bob", 10)).pipe(Effect.provide(layer))
  yield* Console.log(`when the card is refused: ${failed._tag}, ${failed._tag === "Failed" ? failed.class : ""}`)
})

/** Retries and pauses take no time: the test moves the clock. */
const wholePipeline = Effect.gen(function* () {
  const { faults, layer, total } = fakeGateway()
  yield* Effect.gen(function* () {
    const pipeline = yield* TestPipeline.make(Rentals, [charge])
    faults.down = 3
    faults.refused.add("bob")
    yield* pipeline.append(rented("ada"), returned("ada", 10), rented("bob"), returned("bob", 20), returned("ada", 4))
    yield* pipeline.settled
    const attempts = pipeline
      .deliveries("charge")
      .map(({ key, outcome, version }) => `${key}${version} ${outcome._tag}`)
    yield* Console.log(`attempts: ${attempts.filter((one) => one.startsWith("ada")).join(", ")}; ${total()} cents`)
    const parked = yield* pipeline.parked
    yield* Console.log(`parked: ${parked.map(({ key, reason }) => `${key} (${reason.tag})`).join(", ")}`)
    faults.refused.clear()
    yield* pipeline.replay("charge", "bob")
    yield* pipeline.settled
    yield* Console.log(`replayed: ${total()} cents, ${(yield* pipeline.parked).length} parked`)
  }).pipe(Effect.scoped, Effect.provide(layer))
}).pipe(Effect.provide(TestClock.layer()))

await Effect.runPromise(Effect.andThen(oneEvent, wholePipeline))
