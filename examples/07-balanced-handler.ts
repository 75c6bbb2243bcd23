/**
 * A sum does not depend on the order of what it adds up. Its handler is balanced: any instance takes any event, as many at a
 * time as there are instances, and each event counts once. Here two instances share one backlog.
 *
 *     node examples/07-balanced-handler.ts
 */
import { Array, Console, Effect, Layer, Schema } from "effect"
import { EventStream, Handler, Pipeline, Transactor } from "millrace"
import * as MemoryPipeline from "millrace/memory"

const Sold = Schema.TaggedStruct("Sold", { shop: Schema.String, cents: Schema.Int })

const Sales = EventStream.make("sales", {
  subject: "sale",
  events: { sold: Sold },
  key: (event) => event.shop
})

const events = 2_000

const main = Effect.gen(function* () {
  const sums = new Map<string, number>()
  const sum = () => [...sums.values()].reduce((total, cents) => total + cents, 0)

  /** With Postgres this would be one `UPDATE … SET cents = cents + …` for the whole batch, in the transaction that is open. */
  const revenueAt = (instance: string) =>
    Handler.balanced(
      Handler.transactionalBatch(Sales, "revenue", {}, (deliveries) =>
        Effect.flatMap(Transactor, ({ afterCommit }) =>
          afterCommit(
            Effect.sync(() => {
              const added = deliveries.reduce((total, { event }) => total + event.cents, 0)
              sums.set(instance, (sums.get(instance) ?? 0) + added)
            })
          )
        )
      )
    )
  const instance = (id: string) => Pipeline.layer(Sales, [revenueAt(id)], { instance: { id } })
  const pipeline = Layer.merge(instance("north"), instance("south")).pipe(Layer.provideMerge(MemoryPipeline.layer))

  yield* Effect.gen(function* () {
    const { run } = yield* Transactor
    const sales = Array.makeBy(events, (i) => Sold.make({ shop: `shop-${i % 7}`, cents: 1 }))
    yield* Effect.forEach(Array.chunksOf(sales, 100), (some) => run(Sales.append(some)), { discard: true })
    yield* Effect.sleep("20 millis").pipe(Effect.repeat({ until: () => sum() >= events }))
  }).pipe(Effect.provide(pipeline))

  yield* Console.log(`${events} sales of 1 cent add up to ${sum()}, by ${sums.size} instances`)
})

await Effect.runPromise(main)
