import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Queue, References } from "effect"
import { carefree } from "../../src/pipeline/Careful.ts"
import type { BatchCommit } from "../../src/pipeline/BatchCommit.ts"
import { transactional } from "../../src/pipeline/Handler.ts"
import { makeHandlerGate } from "../../src/pipeline/HandlerGate.ts"
import { type Lane, Lanes } from "../../src/pipeline/Lanes.ts"
import { makeSuspicion } from "../../src/pipeline/Suspicion.ts"
import { makeTransactionalRunner } from "../../src/pipeline/TransactionalRunner.ts"
import { storedOf } from "../../src/testing/laws/LawWorld.ts"
import { noteStream } from "../support/Ledger.ts"

const claim = { stream: "t", handler: "points", partition: 0, epoch: 1, opening: 1, cursor: 0 }

const handler = transactional(noteStream, "points", {}, () => Effect.void)

/** Every few steps of a fiber are followed by some of another. */
const oneByOne = Effect.provideService(References.MaxOpsBeforeYield, 3)

describe("an event that comes while the one before it is let go of", () => {
  it.live("is handled without waiting for another one", () =>
    Effect.gen(function* () {
      const ready = yield* Queue.unbounded<Lane>()
      const lanes = new Lanes(handler, 0, (lane) => Queue.offerUnsafe(ready, lane))
      lanes.open("ada", { version: 0, parked: false })
      const all = 300
      const commit: BatchCommit<never> = { commit: () => Effect.void }
      const runner = yield* makeTransactionalRunner(
        {
          claim,
          instance: "ada",
          handler,
          lanes,
          gate: yield* makeHandlerGate(handler),
          careful: carefree,
          suspicion: makeSuspicion(),
          draining: yield* Latch.make(false),
          ready,
          committed: (plan) => Effect.sync(() => lanes.settle(plan))
        },
        commit
      )
      const working = yield* Effect.forkChild(runner.work)
      for (let seq = 1; seq <= all; seq++) {
        // Each comes a step later behind the commit of the one before it, until it has come at each of them.
        for (let steps = 0; steps < seq % 40; steps++) yield* Effect.yieldNow
        lanes.accept(storedOf("ada", seq, seq))
        for (let steps = 0; steps < 1_000 && lanes.size > 0; steps++) yield* Effect.yieldNow
        assert.strictEqual(lanes.cursor, seq)
      }
      yield* Fiber.interrupt(working)
    }).pipe(oneByOne, Effect.scoped, Effect.timeout("20 seconds"))
  )
})
