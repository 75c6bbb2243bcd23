import type { OutboxRow } from "./Envelope.ts"
import { BrokerRefused, BrokerUnavailable, LeaseLost, StoreUnavailable } from "./PipelineError.ts"

/** Everything that can go wrong while relaying. */
export type RelayFailure = BrokerRefused | BrokerUnavailable | LeaseLost | StoreUnavailable

/**
 * What a failure asks for. Whatever it is, the next thing done is to reconcile (or to step down): nothing is ever sent
 * again from memory.
 */
export type RelayAction = "step down" | "reconcile" | "wait" | "halt"

/**
 * The total error table of the relay (notes/protocol.md, section 4), as a pure function.
 *
 * `reconcile`: somebody wrote to the stream, perhaps this relay. `wait`: full, busy or unknown; a pause first.
 * `halt`: a bug or a stream that is not ours; a long pause first, loudly, and nothing is parked.
 */
export const decide = (failure: RelayFailure): RelayAction => {
  if (failure instanceof LeaseLost) return "step down"
  if (failure instanceof StoreUnavailable || failure instanceof BrokerUnavailable) return "wait"
  if (somebodyWrote.has(failure.code)) return "reconcile"
  if (notOurStream.has(failure.code)) return "halt"
  return "wait"
}

/** Refusals that a smaller batch may tell apart: one row of it may be at fault. */
export const mayBeOneRow = (failure: RelayFailure): boolean =>
  failure instanceof BrokerRefused && splittable.has(failure.code)

/** The message is larger than the stream takes; splitting finds it, and a row alone is held back. */
export const isTooLarge = (failure: RelayFailure): boolean =>
  failure instanceof BrokerRefused && failure.code === messageTooLarge

/** There is no such stream: never made, or deleted. */
export const isStreamMissing = (failure: RelayFailure): boolean =>
  failure instanceof BrokerRefused && failure.code === 10059

/** A stream of that name that is not ours. */
export const foreignStream = 10060

const messageTooLarge = 10054

// 10071, 10164 wrong last sequence; 10201 a message id is in the stream; 10158 one is under way; 10176 batch incomplete
const somebodyWrote = new Set([10071, 10164, 10201, 10158, 10176])

// 10174 atomic publish off; 10060 expected stream; 10175, 10177, 10179, 10199, 10200 malformed batch
const notOurStream = new Set([10174, foreignStream, 10175, 10177, 10179, 10199, 10200])

const splittable = new Set([10201, 10176, messageTooLarge])

const utf8 = new TextEncoder()

/** Bytes of an event. */
export const sizeOf = ({ payload }: Pick<OutboxRow, "payload">) => utf8.encode(payload).length
