/**
 * Run as a process of its own: starts the servers named in the JSON options, prints one line of JSON (`ServeReport`), and
 * stays until it is killed. Ctrl-C does not end it, like a pipeline that is still draining.
 */
import { Effect, Redacted } from "effect"
import { EmbeddedServers } from "../../../src/infra/embedded/EmbeddedServers.ts"

const options = JSON.parse(process.argv[2] ?? "{}")

const print = (report: object) => Effect.sync(() => void process.stdout.write(`${JSON.stringify(report)}\n`))

process.on("SIGINT", () => undefined)

const serve = Effect.gen(function* () {
  const servers = yield* EmbeddedServers
  yield* print({
    databaseUrl: servers.databaseUrl && Redacted.value(servers.databaseUrl),
    natsUrl: servers.natsUrl,
    pids: [yield* servers.postgres?.pid ?? Effect.undefined, yield* servers.nats?.pid ?? Effect.undefined].filter(
      (pid) => pid !== undefined
    )
  })
  return yield* Effect.never
}).pipe(
  Effect.provide(EmbeddedServers.layer(options)),
  Effect.catch((error) => print({ error: error._tag, message: error.message }))
)

await Effect.runPromise(serve)
