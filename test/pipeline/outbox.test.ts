import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState } from "../../src/infra/memory/MemoryState.ts"
import { VersionConflict } from "../../src/pipeline/PipelineError.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { noteStream } from "../support/Ledger.ts"

const note = (key: string) => ({ _tag: "Noted" as const, key, text: "" })

const rows = Effect.map(MemoryState, (state) =>
  [...state.of("t").outbox.values()].map(({ key, version }) => [key, version] as const)
)

const heads = Effect.map(MemoryState, (state) => Object.fromEntries(state.of("t").heads))

describe("the outbox in memory", () => {
  it.effect("dies outside a transaction, and says why", () =>
    Effect.gen(function* () {
      const exit = yield* noteStream.append([note("ada")]).pipe(Effect.exit)
      const cause = Exit.isFailure(exit) ? exit.cause : assert.fail("it was appended")
      assert.isTrue(Cause.hasDies(cause))
      assert.include(Cause.pretty(cause), "Outbox.append was called outside a transaction")
      assert.deepStrictEqual(yield* rows, [])
    }).pipe(Effect.provide(MemoryPipeline.layer))
  )

  it.effect("refuses an unexpected version, and writes nothing of the transaction", () =>
    Effect.gen(function* () {
      const { run } = yield* Transactor
      yield* run(noteStream.append([note("ada"), note("ada")], { expectedVersion: 0 }))
      const stale = Effect.andThen(
        noteStream.append([note("bob")]),
        noteStream.append([note("ada")], { expectedVersion: 1 })
      )
      const error = yield* run(stale).pipe(Effect.flip)
      assert.instanceOf(error, VersionConflict)
      assert.include(error.message, '"ada" is not at version 1 any more')
      assert.deepStrictEqual(yield* rows, [
        ["ada", 1],
        ["ada", 2]
      ])
      assert.deepStrictEqual(yield* heads, { ada: 2, bob: 0 })
      assert.deepInclude((yield* run(noteStream.append([note("ada")], { expectedVersion: 2 })))[0], { version: 3 })
    }).pipe(Effect.provide(MemoryPipeline.layer))
  )

  it.effect("shows rows with the commit, not before, and none of a transaction that was rolled back", () =>
    Effect.gen(function* () {
      const { run } = yield* Transactor
      yield* run(
        Effect.gen(function* () {
          yield* noteStream.append([note("ada")])
          assert.deepStrictEqual(yield* rows, [])
          yield* run(Effect.andThen(noteStream.append([note("ada")]), Effect.fail("savepoint"))).pipe(Effect.ignore)
          yield* noteStream.append([note("ada")])
        })
      )
      assert.deepStrictEqual(yield* rows, [
        ["ada", 1],
        ["ada", 2]
      ])
      yield* run(Effect.andThen(noteStream.append([note("ada")]), Effect.die("gone"))).pipe(Effect.exit)
      assert.deepStrictEqual(yield* heads, { ada: 2 })
      assert.strictEqual((yield* rows).length, 2)
    }).pipe(Effect.provide(MemoryPipeline.layer))
  )
})
