/**
 * Your own handlers, played through random histories: instances that crash, freeze and wake up, lost answers, delays,
 * other interleavings. Each seed is one history, the same every time.
 *
 *     node examples/02-your-handlers-under-faults.ts
 */
import { Console, Effect, Schema } from "effect"
import { EventStream, Handler, Transactor } from "millrace"
import { type Effects, type Random, Simulation } from "millrace/testing"

const Moved = Schema.TaggedStruct("Moved", { account: Schema.String, cents: Schema.Int })

const Transfers = EventStream.make("transfers", {
  subject: "transfer",
  events: { moved: Moved },
  key: (event) => event.account
})

const accounts = ["ada", "bob", "eve"] as const

/** A transfer takes from one account what it gives to another, in one transaction. */
const transfer = Effect.fnUntraced(function* (random: Random) {
  const transactor = yield* Transactor
  const cents = random.between(1, 500)
  yield* transactor.run(
    Transfers.append([
      Moved.make({ account: random.pick(accounts), cents: -cents }),
      Moved.make({ account: random.pick(accounts), cents })
    ])
  )
})

type Balances = Map<string, number>

const add = (balances: Balances, { account, cents }: typeof Moved.Type) =>
  Effect.sync(() => void balances.set(account, (balances.get(account) ?? 0) + cents))

/** Booked together with the progress, as an UPDATE in the handler's transaction is. */
const inTransaction = (balances: Balances) =>
  Handler.transactional(Transfers, "balance", {}, ({ event }) =>
    Effect.flatMap(Transactor, ({ afterCommit }) => afterCommit(add(balances, event)))
  )

/** Booked outside, where an event may come twice, by one who does not look at the idempotency key. */
const outside = (balances: Balances) => Handler.external(Transfers, "balance", {}, ({ event }) => add(balances, event))

const simulate = Effect.fnUntraced(function* (
  name: string,
  handlerOf: (balances: Balances) => Handler.Handler<never, Transactor>
) {
  const play = (effects: Effects) => {
    const balances: Balances = new Map()
    const sum = () => [...balances.values()].reduce((total, cents) => total + cents, 0)
    return {
      handlers: [effects.observe(handlerOf(balances))],
      write: transfer,
      // Money neither comes nor goes.
      wrong: () => (sum() === 0 ? [] : [`the balances add up to ${sum()}`])
    }
  }
  yield* Simulation.check({ stream: Transfers, play }, 40).pipe(
    Effect.andThen(Console.log(`${name}: 40 histories, every promise held`)),
    Effect.catchTag("PromiseBroken", ({ faults, seed }) => Console.log(`${name}: seed ${seed}: ${faults.join(", ")}`))
  )
})

const main = Effect.andThen(simulate("booked in the transaction", inTransaction), simulate("booked outside", outside))

await Effect.runPromise(main)
