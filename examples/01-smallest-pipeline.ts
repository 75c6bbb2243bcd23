/**
 * The smallest pipeline: a stream of your own, two handlers, everything in memory.
 *
 *     node examples/01-smallest-pipeline.ts
 *
 * It needs Node 22.19 or newer; `node_modules/.bin/node` is one.
 */
import { Console, Effect, Layer, Queue, Schema } from "effect"
import { EventStream, Handler, Pipeline, Transactor } from "millrace"
import * as MemoryPipeline from "millrace/memory"

const Deposited = Schema.TaggedStruct("Deposited", { account: Schema.String, cents: Schema.Int })
const Withdrawn = Schema.TaggedStruct("Withdrawn", { account: Schema.String, cents: Schema.Int })

/** Events of one account stay in order; accounts do not wait for each other. */
const Accounts = EventStream.make("accounts", {
  subject: "account",
  events: { deposited: Deposited, withdrawn: Withdrawn },
  key: (event) => event.account
})

const main = Effect.gen(function* () {
  const balances = new Map<string, number>()
  const letters = yield* Queue.unbounded<string>()
  let handled = 0

  // Transactional: in Postgres this would be an UPDATE, committed together with the handler's progress.
  const balance = Handler.transactional(Accounts, "balance", {}, ({ event, key }) =>
    Effect.sync(() => {
      const change = event._tag === "Deposited" ? event.cents : -event.cents
      balances.set(key, (balances.get(key) ?? 0) + change)
      handled += 1
    })
  )
  // External: at least once, so its receiver is given a key by which to recognise a repetition.
  const letter = Handler.external(Accounts, "letter", { on: ["withdrawn"] }, ({ event, idempotencyKey, version }) =>
    Queue.offer(letters, `${event.account}: event ${version} took ${event.cents} cents (${idempotencyKey})`)
  )
  const live = Pipeline.layer(Accounts, [balance, letter]).pipe(Layer.provideMerge(MemoryPipeline.layer))

  yield* Effect.gen(function* () {
    const transactor = yield* Transactor
    // Published if and only if this transaction commits.
    const appended = yield* transactor.run(
      Accounts.append([
        Deposited.make({ account: "ada", cents: 500 }),
        Deposited.make({ account: "bob", cents: 300 }),
        Withdrawn.make({ account: "ada", cents: 200 }),
        Withdrawn.make({ account: "bob", cents: 50 })
      ])
    )
    yield* Console.log(`appended ${appended.map(({ key, version }) => `${key} ${version}`).join(", ")}`)
    for (let sent = 0; sent < 2; sent++) yield* Console.log(yield* Queue.take(letters))
    yield* Effect.sleep("10 millis").pipe(Effect.repeat({ until: () => handled === appended.length }))
  }).pipe(Effect.provide(live))
  yield* Console.log(`balances ${JSON.stringify(Object.fromEntries(balances))}`)
})

await Effect.runPromise(main)
