import { assert, layer } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { EventLog } from "../../../src/pipeline/EventLog.ts"
import { StreamView } from "../../../src/pipeline/StreamView.ts"
import { eventually } from "../../support/servers/Eventually.ts"
import { freshLog, NatsUnderTest, natsWorld, rowsOf } from "./NatsWorld.ts"

layer(natsWorld, { excludeTestServices: true, timeout: "60 seconds" })("consumers as people see them", (it) => {
  it.effect("each handler and partition has its newest reader, with what it has before it", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const view = yield* StreamView
      const declaration = freshLog(1)
      yield* log.declare(declaration)
      yield* log.publish(declaration, rowsOf(Array.from({ length: 30 }, (_, i) => `k${i}`)), 0)
      const from = { handler: "my-mail-p3", partition: 0, epoch: 1, generation: 1, afterSeq: 0 }
      yield* log.open(declaration, from)
      const { acknowledge, events } = yield* log.open(declaration, { ...from, epoch: 2, afterSeq: 10 })
      yield* Stream.runDrain(Stream.take(events, 20))
      const stats = Effect.map(view.consumers(declaration.name), (all) => all.map((one) => ({ ...one, floor: 0 })))
      assert.deepStrictEqual(yield* stats, [{ handler: "my-mail-p3", partition: 0, pending: 0, inHand: 20, floor: 0 }])
      yield* acknowledge(25)
      yield* eventually(
        "the acknowledgement",
        Effect.map(stats, ([one]) => one?.inHand === 5)
      )
    }).pipe(Effect.scoped)
  )

  it.effect("nobody who looked stays behind", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const view = yield* StreamView
      const { manage } = yield* NatsUnderTest
      const declaration = freshLog(2)
      yield* log.declare(declaration)
      yield* log.publish(declaration, rowsOf(["a", "b", "c"]), 0)
      yield* view.read(declaration, { fromSeq: 1, eventsMax: 10, payloads: true })
      yield* view.behind(declaration, 1, 0)
      const names = yield* manage((manager) => manager.consumers.list(declaration.name.toUpperCase()).next())
      assert.deepStrictEqual(names, [])
    })
  )
})
