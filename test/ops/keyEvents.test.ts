import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { eventsOfKey, searchedEventsMax } from "../../src/ops/keyEvents.ts"
import { partitionOf, slotOf } from "../../src/pipeline/Partition.ts"
import { type SeenEvent, StreamView } from "../../src/pipeline/StreamView.ts"
import { storedOf } from "../infra/postgres/PgWorld.ts"

const declaration = { name: "s", subject: "s", partitions: 16 }

const partition = partitionOf(slotOf("mine"), { partitions: 16 })

const seen = (seq: number, key: string): SeenEvent => ({
  ...storedOf(key, seq, seq),
  storedAtMs: 0,
  partition,
  outboxId: seq,
  payloadBytes: 2
})

/** A stream that has events of this partition at these sequences. */
const streamOf = (seqs: ReadonlyArray<number>, keyAt: (seq: number) => string) => {
  const lastSeq = seqs.at(-1) ?? 0
  return Layer.succeed(
    StreamView,
    StreamView.of({
      stats: () => Effect.succeed({ firstSeq: 1, lastSeq, messages: lastSeq, bytes: 0, bytesMax: -1 }),
      consumers: () => Effect.succeed([]),
      behind: (_, _partition, afterSeq) =>
        Effect.succeed({ events: seqs.filter((seq) => seq > afterSeq).length, oldestStoredAtMs: undefined }),
      read: (_, { eventsMax, fromSeq }) =>
        Effect.succeed(
          seqs
            .filter((seq) => seq >= fromSeq)
            .slice(0, eventsMax)
            .map((seq) => seen(seq, keyAt(seq)))
        ),
      at: (_, seq) => Effect.succeed(seen(seq, keyAt(seq)))
    })
  )
}

describe("the events of a key", () => {
  it.effect("are the newest ones, also when its partition has had most of its events of late", () =>
    Effect.gen(function* () {
      // Nothing for a million events, then nothing else.
      const seqs = Array.from({ length: 3 * searchedEventsMax }, (_, i) => 1_000_000 + i)
      const newest = seqs.slice(-3)
      const found = yield* eventsOfKey(declaration, [{ first: 0, partitions: 16 }], "mine").pipe(
        Effect.provide(streamOf(seqs, (seq) => (newest.includes(seq) ? "mine" : "other")))
      )
      assert.deepStrictEqual(
        found.map(({ seq }) => seq),
        newest
      )
    })
  )
})
