/**
 * Inside a host that is not Effect, here Fastify: a ManagedRuntime builds the pipeline once, runs an append for each request,
 * and drains when the host closes. Express and Nest do the same in their own words.
 *
 *     node examples/09-inside-fastify.ts
 */
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import fastify from "fastify"
import { EventStream, Handler, Pipeline, Transactor } from "millrace"
import * as MemoryPipeline from "millrace/memory"
import { setTimeout } from "node:timers/promises"

const Ordered = Schema.TaggedStruct("Ordered", { table: Schema.String, dish: Schema.String })

const Orders = EventStream.make("orders", {
  subject: "order",
  events: { ordered: Ordered },
  key: (event) => event.table
})

const served: Array<string> = []
const kitchen = Handler.external(Orders, "kitchen", {}, ({ event }) => Effect.sync(() => void served.push(event.dish)))

// With servers of your own: PgPipeline.layer and NatsPipeline.layer in place of MemoryPipeline.layer.
const runtime = ManagedRuntime.make(Pipeline.layer(Orders, [kitchen]).pipe(Layer.provideMerge(MemoryPipeline.layer)))

const order = (table: string, dish: string) =>
  Effect.flatMap(Transactor, ({ run }) => run(Orders.append([Ordered.make({ table, dish })])))

const app = fastify()
app.post<{ Params: { table: string; dish: string } }>("/tables/:table/:dish", async ({ params }) => {
  const [appended] = await runtime.runPromise(order(params.table, params.dish))
  return { course: appended?.version }
})
app.get("/served", async () => served)
app.addHook("onClose", () => runtime.dispose())

// Everything above is the host; this is a guest.
const ask = async (method: "GET" | "POST", url: string) => (await app.inject({ method, url })).body
for (const dish of ["soup", "fish", "cake"]) console.log(await ask("POST", `/tables/window/${dish}`))
while (served.length < 3) await setTimeout(10)
console.log(await ask("GET", "/served"))
await app.close()
