import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import * as NatsPipeline from "../../../src/infra/nats/NatsPipeline.ts"
import { BrokerRefused } from "../../../src/pipeline/PipelineError.ts"
import { EventLog } from "../../../src/pipeline/EventLog.ts"
import { startCluster } from "../../support/servers/NatsCluster.ts"
import { freshLog, rowsOf } from "./NatsWorld.ts"

const sizes = [1, 2, 8, 9, 100]

describe("a stream with three replicas", () => {
  it.live("takes batches of any size one after the other, and after a refusal at once the next one", () =>
    Effect.gen(function* () {
      const { url } = yield* startCluster()
      const settings = { url: Redacted.make(url), name: "test", replicas: 3, maxBytes: 50_000_000, maxAgeDays: 7 }
      const log = Context.get(yield* Layer.build(NatsPipeline.layer(settings)), EventLog)
      const declaration = freshLog()
      yield* log.declare(declaration)
      yield* log.info(declaration.name)
      let last = (yield* log.publish(declaration, rowsOf(["a"]), 0)).seq
      let id = 1
      const rows = (count: number) =>
        rowsOf(
          Array.from({ length: count }, () => "a"),
          (id += count)
        )
      for (const count of [...sizes, ...sizes, ...sizes]) {
        // Behind the end; and one before it, where the second would fit by its sequence alone.
        for (const expected of [last + 1, last - 1])
          assert.instanceOf(yield* Effect.flip(log.publish(declaration, rows(count + 1), expected)), BrokerRefused)
        const ack = yield* log.publish(declaration, rows(count), last)
        assert.deepStrictEqual(ack, { seq: last + count, duplicate: false })
        last = ack.seq
      }
      assert.strictEqual((yield* log.info(declaration.name)).lastSeq, last)
    }).pipe(Effect.scoped)
  )
})
