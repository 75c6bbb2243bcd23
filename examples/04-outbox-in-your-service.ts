/**
 * A transactional outbox in a service that exists: its own tables, its own `PgClient`, its own transaction. What commits is
 * published, what rolls back is not. Brings a Postgres and a nats-server of its own.
 *
 *     node examples/04-outbox-in-your-service.ts
 */
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Console, Effect, Layer, Queue, Redacted, Schema } from "effect"
import { EventStream, Handler, Pipeline } from "millrace"
import { EmbeddedServers, tempServers } from "millrace/embedded"
import * as NatsPipeline from "millrace/nats"
import * as PgPipeline from "millrace/postgres"

const Booked = Schema.TaggedStruct("Booked", { room: Schema.String, guest: Schema.String })

const Bookings = EventStream.make("bookings", {
  subject: "booking",
  events: { booked: Booked },
  key: (event) => event.room
})

/** The service as it is, plus one line: the append, in the transaction that makes the change. */
const book = Effect.fn("book")(function* (room: string, guest: string) {
  const sql = yield* PgClient.PgClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`INSERT INTO booking (room, guest) VALUES (${room}, ${guest})`
      yield* Bookings.append([Booked.make({ room, guest })])
    })
  )
})

const keys = Queue.unbounded<string>()

const main = Effect.gen(function* () {
  const sent = yield* keys
  const key = Handler.external(Bookings, "key", {}, ({ event }) =>
    Queue.offer(sent, `the key of ${event.room} is sent to ${event.guest}`)
  )
  const pipeline = Pipeline.layer(Bookings, [key]).pipe(Layer.provideMerge(servers))

  yield* Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* sql`CREATE TABLE booking (room text PRIMARY KEY, guest text NOT NULL)`
    yield* book("101", "ada")
    // Taken: the row is refused, and its event is never published.
    yield* Effect.ignore(book("101", "bob"))
    yield* book("102", "eve")
    yield* Console.log(yield* Queue.take(sent))
    yield* Console.log(yield* Queue.take(sent))
  }).pipe(Effect.provide(pipeline))
})

/** The client that the service has already. It says how long a session may idle in a transaction. */
const client = (url: Redacted.Redacted) => PgClient.layer({ url, startupParameters: PgPipeline.sessionParameters })

const servers = Layer.unwrap(
  Effect.map(EmbeddedServers, ({ databaseUrl = Redacted.make(""), natsUrl = "" }) =>
    PgPipeline.layerFrom().pipe(
      Layer.provideMerge(NatsPipeline.layer({ url: Redacted.make(natsUrl), name: "bookings" })),
      Layer.provideMerge(client(databaseUrl))
    )
  )
).pipe(Layer.provide(tempServers()), Layer.provide(NodeServices.layer))

await Effect.runPromise(main)
