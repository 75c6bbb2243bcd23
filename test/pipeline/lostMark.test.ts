import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { MemoryBroker } from "../../src/infra/memory/MemoryBroker.ts"
import { ControlDesk } from "../../src/pipeline/ControlDesk.ts"
import { EventLog } from "../../src/pipeline/EventLog.ts"
import { external } from "../../src/pipeline/Handler.ts"
import { RelayStore } from "../../src/pipeline/RelayStore.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

const by = { actor: "ada", why: "more machines" }

const { name, subject } = noteStream

const declaration = { name, subject, partitions: 1 }

/** `slow` has read nothing yet while the number of partitions changed; `fast` has gone on. */
const changed = Effect.gen(function* () {
  const got: Array<string> = []
  const slow = external(noteStream, "slow", {}, ({ key }) => Effect.sync(() => void got.push(key)))
  const fast = external(noteStream, "fast", {}, () => Effect.void)
  const { append, services, start, tables } = yield* running([fast])
  const desk = Context.get(services, ControlDesk)
  const broker = Context.get(services, MemoryBroker)
  const log = Context.get(services, EventLog)
  const store = Context.get(services, RelayStore)
  const repartition = (partitions: number) => Effect.andThen(desk.repartition(name, partitions, by), pass(2_000))
  return { append, broker, fast, got, log, repartition, slow, start, store, tables }
})

describe("a mark that the broker lost", () => {
  it.effect("what a relay of before publishes until there is another is read before the partitions of after", () =>
    Effect.gen(function* () {
      const { append, broker, fast, got, log, repartition, slow, start, store, tables } = yield* changed
      const first = yield* start("ada", [fast, slow])
      yield* pass(1_000)
      yield* first.stop
      const ada = yield* start("ada")
      yield* append("a", "b")
      yield* pass(1_000)
      yield* repartition(3)
      assert.deepStrictEqual([tables.relay.first, tables.topologies[0]?.ends], [1, [2]])
      yield* ada.stop
      yield* append("late")
      // Its answer is not heard: the relay that sent it is gone.
      const rows = yield* store.read(name, 10, [])
      yield* broker.loseTail(name, 1)
      yield* log.publish(declaration, rows, 2)
      const bob = yield* start("bob")
      yield* pass(4_000)
      assert.deepStrictEqual(tables.topologies[0]?.ends, [3])
      const eve = yield* start("eve", [fast, slow])
      yield* append("new")
      yield* pass(10_000)
      yield* eve.stop
      yield* bob.stop
      assert.deepStrictEqual(got, ["a", "b", "late", "new"])
    })
  )

  it.effect("is made again with all the topologies there were", () =>
    Effect.gen(function* () {
      const { append, broker, log, repartition, start } = yield* changed
      const ada = yield* start("ada")
      yield* append("a")
      yield* pass(1_000)
      yield* repartition(3)
      yield* repartition(2)
      yield* ada.stop
      yield* broker.loseTail(name, 2)
      const bob = yield* start("bob")
      yield* pass(4_000)
      yield* bob.stop
      assert.deepStrictEqual(yield* log.marked(declaration), [
        { first: 0, partitions: 1 },
        { first: 1, partitions: 3 },
        { first: 4, partitions: 2 }
      ])
    })
  )
})
