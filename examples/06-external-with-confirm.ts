/**
 * An effect outside with a receiver that cannot refuse a repetition, but can be asked. Its answer is lost on the way, so the
 * payment has to be tried again; `confirm` finds that it was made, and it is not made twice.
 *
 *     node examples/06-external-with-confirm.ts
 */
import { Console, Effect, Latch, Layer, Schema } from "effect"
import { EventStream, Handler, Pipeline, Transactor } from "millrace"
import * as MemoryPipeline from "millrace/memory"

const Invoiced = Schema.TaggedStruct("Invoiced", { customer: Schema.String, cents: Schema.Int })
class AnswerLost extends Schema.TaggedError<AnswerLost>()("AnswerLost", {}) {}

const Invoices = EventStream.make("invoices", {
  subject: "invoice",
  events: { invoiced: Invoiced },
  key: (event) => event.customer
})

/** Somebody else's bank: it takes the money, and then the line goes dead. */
const makeBank = () => {
  const payments: Array<{ readonly reference: string; readonly cents: number }> = []
  return {
    payments,
    pay: (reference: string, cents: number) =>
      Effect.suspend(() => {
        payments.push({ reference, cents })
        return payments.length === 1 ? Effect.fail(new AnswerLost()) : Effect.void
      }),
    hasPaid: (reference: string) => Effect.sync(() => payments.some((payment) => payment.reference === reference))
  }
}

const main = Effect.gen(function* () {
  const bank = makeBank()
  const done = yield* Latch.make()

  const charge = Handler.external(
    Invoices,
    "charge",
    {
      // Asked before every attempt after the first, and after a crash: "did you already do this?"
      confirm: ({ idempotencyKey }) =>
        bank
          .hasPaid(idempotencyKey)
          .pipe(Effect.tap((paid) => Console.log(`asked the bank: ${paid ? "paid" : "not paid"}`)))
    },
    ({ attempt, event, idempotencyKey }) =>
      Console.log(`attempt ${attempt}: ${event.customer} pays ${event.cents} cents`).pipe(
        Effect.andThen(bank.pay(idempotencyKey, event.cents)),
        Effect.andThen(event.customer === "last" ? done.open : Effect.void)
      )
  )
  const pipeline = Pipeline.layer(Invoices, [charge], { partitions: 1 }).pipe(Layer.provideMerge(MemoryPipeline.layer))

  yield* Effect.gen(function* () {
    const { run } = yield* Transactor
    yield* run(Invoices.append([Invoiced.make({ customer: "ada", cents: 4_999 })]))
    yield* Effect.sleep("1 second")
    yield* run(Invoices.append([Invoiced.make({ customer: "last", cents: 1 })]))
    yield* done.await
  }).pipe(Effect.provide(pipeline))

  yield* Console.log(`the bank has ${bank.payments.length} payments for 2 invoices`)
})

await Effect.runPromise(main)
