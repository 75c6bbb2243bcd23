/**
 * The operations of a pipeline in the router of an application: one line beside its own routes. Then they are asked, as
 * the `millrace` command or curl would.
 *
 *     node examples/05-operations-in-your-router.ts
 */
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { Console, Effect, Layer, References, Schedule, Schema } from "effect"
import { HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { EventStream, Handler, Pipeline, RetryPolicy, Transactor } from "millrace"
import * as MemoryPipeline from "millrace/memory"
import * as Ops from "millrace/ops"
import { createServer } from "node:http"

const Deposited = Schema.TaggedStruct("Deposited", { account: Schema.String, cents: Schema.Int })
class NoAddress extends Schema.TaggedError<NoAddress>()("NoAddress", { account: Schema.String }) {}

const Accounts = EventStream.make("accounts", {
  subject: "account",
  events: { deposited: Deposited },
  key: (event) => event.account
})

/** Trying again would not help: the key is parked at once, and somebody has to look at it. */
const retry = RetryPolicy.withTags<NoAddress>({ NoAddress: { class: "poison" } })(RetryPolicy.retryPolicyDefault)

const letter = Handler.external(Accounts, "letter", { retry }, ({ event: { account } }) =>
  account === "bob" ? Effect.fail(new NoAddress({ account })) : Effect.void
)
const handlers = [letter]

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", HttpServerResponse.text("the application's own page")),
  Ops.layer(Accounts, { handlers, prefix: "/accounts" })
)

const app = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
  Layer.merge(Pipeline.layer(Accounts, handlers).pipe(Layer.provide(Ops.signals))),
  Layer.provideMerge(MemoryPipeline.layer),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
)

const main = Effect.gen(function* () {
  const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
  yield* Console.log(yield* Effect.flatMap(HttpClient.get(url), (response) => response.text))

  const { run } = yield* Transactor
  yield* run(Accounts.append(["ada", "bob"].map((account) => Deposited.make({ account, cents: 500 }))))

  const ops = yield* HttpApiClient.make(Ops.OpsApi, { baseUrl: `${url}/accounts` })
  const parked = yield* ops.parked
    .list({ query: {} })
    .pipe(Effect.repeat({ until: ({ total }) => total > 0, schedule: Schedule.spaced("20 millis") }))
  for (const { handler, key, reason } of parked.keys) yield* Console.log(`parked: ${handler} ${key}, ${reason.tag}`)

  const act = { handler: "letter", actor: "example", why: "addresses are being mended" }
  yield* ops.control.control({ payload: { act: "pause", ...act } })
  const overview = yield* ops.overview.overview().pipe(
    Effect.repeat({
      until: ({ handlers }) => handlers.some((one) => one.paused),
      schedule: Schedule.spaced("50 millis")
    })
  )
  for (const { name, paused } of overview.handlers) yield* Console.log(`${name}: paused ${JSON.stringify(paused)}`)
}).pipe(
  Effect.provide(Layer.merge(app, NodeHttpClient.layerUndici)),
  // What is shown here would be in the log, too.
  Effect.provideService(References.MinimumLogLevel, "None")
)

await Effect.runPromise(main)
