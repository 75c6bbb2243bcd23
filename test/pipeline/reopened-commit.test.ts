import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { Inbox, type InboxCommit } from "../../src/pipeline/Inbox.ts"
import { type Claim, Ownership } from "../../src/pipeline/Ownership.ts"

const world = Effect.gen(function* () {
  const ownership = yield* Ownership
  yield* ownership.declare("t", ["points"], 1)
  const [claim] = yield* ownership.claim("t", "me", [{ handler: "points", partition: 0 }])
  return claim ?? (yield* Effect.die(new Error("the partition was not free")))
})

/** Another key holds the cursor back: only the opening and the key's own version can tell two commits apart. */
const commitOf = (claim: Claim, from: number, to: number): InboxCommit => ({
  claim,
  cursorFrom: 0,
  cursorTo: 0,
  moves: [{ key: "ada", from, to, parked: false }],
  parked: [],
  violations: []
})

describe("a commit that was under way when its partition was opened again", () => {
  it.effect("is refused, and what the new opening commits is not", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const ownership = yield* Ownership
      const claim = yield* world
      const first = yield* ownership.open(claim)
      const second = yield* ownership.open(claim)
      assert.strictEqual((yield* Effect.flip(inbox.commit([commitOf(first, 0, 1)], Effect.void)))._tag, "LeaseLost")
      assert.deepStrictEqual(yield* inbox.commitGroup([commitOf(first, 0, 1)]), [false])
      yield* inbox.commit([commitOf(second, 0, 2)], Effect.void)
      assert.deepStrictEqual(yield* inbox.progress("t", "points", ["ada"]), [{ version: 2, parked: false }])
    }).pipe(Effect.provide(MemoryPipeline.layer))
  )

  it.effect("does not happen twice, and not from another version than it was made for", () =>
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const claim = yield* Effect.flatMap(world, (free) => Effect.flatMap(Ownership, ({ open }) => open(free)))
      yield* inbox.commit([commitOf(claim, 0, 1)], Effect.void)
      assert.strictEqual((yield* Effect.flip(inbox.commit([commitOf(claim, 0, 1)], Effect.void)))._tag, "LeaseLost")
      assert.strictEqual((yield* Effect.flip(inbox.commit([commitOf(claim, 0, 2)], Effect.void)))._tag, "LeaseLost")
      yield* inbox.commit([commitOf(claim, 1, 2)], Effect.void)
    }).pipe(Effect.provide(MemoryPipeline.layer))
  )
})
