import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { BalancedHand } from "../../src/pipeline/BalancedHand.ts"
import type { StoredEvent } from "../../src/pipeline/Envelope.ts"
import type { SharedDelivery, SharedSubscription } from "../../src/pipeline/EventLog.ts"
import { balanced, external } from "../../src/pipeline/Handler.ts"
import { noteStream } from "../support/Ledger.ts"

const event = (key: string, seq: number): StoredEvent => ({
  key,
  version: 1,
  eventId: `${key}-1`,
  type: "noted",
  traceparent: "",
  payload: JSON.stringify({ _tag: "Noted", key, text: "" }),
  seq,
  outboxId: 1
})

/** A subscription that keeps what it is told, and delivers nothing by itself. */
const listening = (told: Array<SharedDelivery>): SharedSubscription => ({
  events: Stream.empty,
  finish: Effect.void,
  acknowledge: (deliveries) => Effect.sync(() => void told.push(...deliveries)),
  giveBack: () => Effect.void,
  inProgress: Effect.void,
  doubts: () => 0,
  position: Effect.succeed({ floor: 0, delivered: 0 }),
  forget: Effect.void
})

const someHand = () =>
  new BalancedHand(balanced(external(noteStream, "notes", {}, () => Effect.void)), "t", () => ({
    first: 0,
    partitions: 1
  }))

const generationsOf = (hand: BalancedHand, some: ReturnType<BalancedHand["take"]>) =>
  hand.commitOf(some).done.map(({ generation }) => generation)

describe("what a balanced handler has in hand", () => {
  it("vouches for a sequence only as long as nothing has cast doubt on it: a floor moves on such entries alone", () => {
    const hand = someHand()
    const first = { subscription: listening([]), generation: 0 }
    hand.opened(first)
    const held = hand.take([{ stored: event("a", 1), deliveries: 1 }], first)
    assert.deepStrictEqual(generationsOf(hand, held), [0])
    const second = { subscription: listening([]), generation: 1 }
    hand.opened(second)
    assert.deepStrictEqual(generationsOf(hand, held), [-1])
    assert.deepStrictEqual(hand.take([{ stored: event("a", 3), deliveries: 1 }], second), [])
    assert.deepStrictEqual(generationsOf(hand, held), [1])
    assert.strictEqual(hand.commitOf(held).done[0]?.stored.seq, 3)
  })

  it.effect("has one event that comes twice, answers both, and asks again who has handled it", () =>
    Effect.gen(function* () {
      const hand = someHand()
      const told: Array<SharedDelivery> = []
      const source = { subscription: listening(told), generation: 0 }
      hand.opened(source)
      const once = { stored: event("a", 1), deliveries: 1 }
      const twice = { stored: event("a", 1), deliveries: 2 }
      const held = hand.take([once], source)
      assert.isTrue(held.every(({ askedAt }) => askedAt === hand.doubts))
      assert.deepStrictEqual(hand.take([twice], source), [])
      assert.isTrue(held.every(({ askedAt }) => askedAt < hand.doubts))
      yield* hand.done(held)
      assert.deepStrictEqual(told, [once, twice])
    })
  )
})
