/**
 * A projection is rebuilt by giving its handler a new name: a name that nobody has heard of begins with the oldest event the stream
 * still has. The old one serves until the new one has caught up; then its rows, and its name, can go.
 *
 *     node examples/08-rebuild-a-projection.ts
 */
import { Console, Effect, Schema } from "effect"
import { EventStream, Handler, Pipeline, Transactor } from "millrace"
import * as MemoryPipeline from "millrace/memory"

const Scored = Schema.TaggedStruct("Scored", { player: Schema.String, points: Schema.Int })

const Games = EventStream.make("games", {
  subject: "game",
  events: { scored: Scored },
  key: (event) => event.player
})

type Table = Map<string, number>

const shown = (table: Table) => JSON.stringify(Object.fromEntries([...table].sort()))

/** The sum of a player's points; and, as somebody finds out later, it should have been the best game. */
const totals = (table: Table) =>
  Handler.transactional(Games, "table-1", {}, ({ event: { player, points } }) =>
    Effect.sync(() => table.set(player, (table.get(player) ?? 0) + points))
  )

const bests = (table: Table) =>
  Handler.transactional(Games, "table-2", {}, ({ event: { player, points } }) =>
    Effect.sync(() => table.set(player, Math.max(table.get(player) ?? 0, points)))
  )

/** One run of the program with these handlers, on servers that stay. */
const release = <A, E, R>(handlers: ReadonlyArray<Handler.Handler>, meanwhile: Effect.Effect<A, E, R>) =>
  Effect.provide(meanwhile, Pipeline.layer(Games, handlers))

const until = (condition: () => boolean) => Effect.sleep("10 millis").pipe(Effect.repeat({ until: condition }))

const play = Effect.flatMap(Transactor, ({ run }) =>
  run(Games.append([3, 9, 4].flatMap((points) => ["ada", "bob"].map((player) => Scored.make({ player, points })))))
)

const main = Effect.gen(function* () {
  const first: Table = new Map()
  const second: Table = new Map()
  yield* release(
    [totals(first)],
    Effect.andThen(
      play,
      until(() => first.get("bob") === 16)
    )
  )
  yield* Console.log(`table-1: ${shown(first)}`)
  // The next release runs both, and reads what was played before it was thought of.
  yield* release(
    [totals(first), bests(second)],
    until(() => second.get("bob") === 9)
  )
  yield* Console.log(`table-2: ${shown(second)}, and table-1 was not touched: ${shown(first)}`)
}).pipe(Effect.provide(MemoryPipeline.layer))

await Effect.runPromise(main)
