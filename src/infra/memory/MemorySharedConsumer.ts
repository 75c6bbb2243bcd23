import { Cause, Queue } from "effect"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import { type SharedDelivery, sharedInHandMax } from "../../pipeline/EventLog.ts"
import { BrokerUnavailable } from "../../pipeline/PipelineError.ts"

/** Who takes part in a shared consumer. */
export interface Participant {
  readonly queue: Queue.Queue<SharedDelivery, BrokerUnavailable | Cause.Done>
  readonly inHand: Set<number>
  readonly inHandMax: number
  readonly ackWaitMs: number
}

interface Pending {
  readonly by: Participant
  deadlineMs: number
}

/** A shared consumer with the broker's own rules: who has room gets the next; what is not acknowledged in time comes again. */
export class MemorySharedConsumer {
  readonly #messages: ReadonlyArray<StoredEvent>
  readonly #isMark: (seq: number) => boolean
  readonly #participants: Array<Participant> = []
  readonly #pending = new Map<number, Pending>()
  readonly #deliveries = new Map<number, number>()
  /** To be delivered again, before anything new. */
  #again: Array<number> = []
  #delivered: number

  /** `isMark`: nobody gets to see it. */
  constructor(messages: ReadonlyArray<StoredEvent>, afterSeq: number, isMark: (seq: number) => boolean) {
    this.#messages = messages
    this.#isMark = isMark
    this.#delivered = afterSeq
  }

  /** Everything up to here was acknowledged. */
  get floor() {
    return Math.min(this.#delivered, ...this.#outstanding().map((seq) => seq - 1))
  }

  join(participant: Participant, nowMs: number) {
    this.#participants.push(participant)
    this.serve(nowMs)
  }

  /** It is deleted: whoever takes part in it hears of it. */
  end() {
    const gone = new BrokerUnavailable({ operation: "pull", detail: "the shared consumer is gone" })
    for (const { queue } of this.#participants.splice(0)) Queue.failCauseUnsafe(queue, Cause.fail(gone))
  }

  /** What it has in hand stays there until its time is over. */
  part(participant: Participant) {
    const at = this.#participants.indexOf(participant)
    if (at !== -1) this.#participants.splice(at, 1)
  }

  /** What was delivered at a sequence is what is there still: after a lost tail it may be another event. */
  #isThere({ stored }: SharedDelivery) {
    return this.#messages[stored.seq - 1]?.eventId === stored.eventId
  }

  acknowledge(by: Participant, deliveries: ReadonlyArray<SharedDelivery>, nowMs: number) {
    for (const { stored } of deliveries.filter((one) => this.#isThere(one))) {
      by.inHand.delete(stored.seq)
      this.#pending.delete(stored.seq)
      this.#deliveries.delete(stored.seq)
      this.#again = this.#again.filter((seq) => seq !== stored.seq)
    }
    this.serve(nowMs)
  }

  giveBack(by: Participant, deliveries: ReadonlyArray<SharedDelivery>, nowMs: number) {
    for (const { stored } of deliveries.filter((one) => this.#isThere(one))) {
      by.inHand.delete(stored.seq)
      if (this.#pending.get(stored.seq)?.by === by) this.#repeat(stored.seq)
    }
    this.serve(nowMs)
  }

  /** The furthest that was delivered. */
  get delivered() {
    return this.#delivered
  }

  inProgress(by: Participant, nowMs: number) {
    for (const one of this.#pending.values()) if (one.by === by) one.deadlineMs = nowMs + by.ackWaitMs
  }

  /** Takes back what was in hand for too long, and hands out what there is, in turn to those who have room. */
  serve(nowMs: number) {
    for (const [seq, { deadlineMs }] of this.#pending) if (deadlineMs <= nowMs) this.#repeat(seq)
    for (let by = this.#next(); by !== undefined; by = this.#next()) {
      while (this.#again.length === 0 && this.#isMark(this.#delivered + 1)) this.#delivered += 1
      const seq = this.#again.shift() ?? (this.#delivered < this.#messages.length ? ++this.#delivered : undefined)
      if (seq === undefined) return
      const stored = this.#messages[seq - 1]
      if (stored !== undefined) this.#deliver(by, stored, nowMs)
    }
  }

  #outstanding() {
    return [...this.#pending.keys(), ...this.#again]
  }

  #repeat(seq: number) {
    this.#pending.delete(seq)
    this.#again.push(seq)
  }

  #next(): Participant | undefined {
    if (this.#pending.size >= sharedInHandMax) return undefined
    const at = this.#participants.findIndex(({ inHand, inHandMax }) => inHand.size < inHandMax)
    const [by] = at === -1 ? [] : this.#participants.splice(at, 1)
    if (by !== undefined) this.#participants.push(by)
    return by
  }

  #deliver(by: Participant, stored: StoredEvent, nowMs: number) {
    const { seq } = stored
    const deliveries = (this.#deliveries.get(seq) ?? 0) + 1
    this.#deliveries.set(seq, deliveries)
    this.#pending.set(seq, { by, deadlineMs: nowMs + by.ackWaitMs })
    by.inHand.add(seq)
    Queue.offerUnsafe(by.queue, { stored, deliveries })
  }
}
