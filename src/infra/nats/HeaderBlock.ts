import type { JsMsg } from "@nats-io/jetstream"
import { MsgHdrsImpl } from "@nats-io/transport-node"
import { Predicate } from "effect"

const version = "NATS/1.0"

/** A value on one line. What has another line would be a header of its own, or end the block. */
const lineOf = ([name, value]: readonly [string, string]) => `${name}: ${value.replaceAll(/[\r\n]/g, " ")}`

const encoder = new TextEncoder()

/**
 * Headers that are written and not looked at. The client's own keep a list for every name and compare all names at each
 * `set`, which was a third of what the relay did.
 */
export class HeaderBlock extends MsgHdrsImpl {
  readonly #text: string

  constructor(pairs: ReadonlyArray<readonly [string, string]>) {
    super()
    this.#text = `${version}\r\n${pairs.map(lineOf).join("\r\n")}\r\n\r\n`
  }

  override encode(): Uint8Array {
    return encoder.encode(this.#text)
  }

  override toString(): string {
    return this.#text
  }
}

/** Reads headers out of a block's text, the first of a name; empty when it has none. Names are compared as they are. */
export const headersIn =
  (block: string): ((name: string) => string) =>
  (name) => {
    const found = block.indexOf(`\r\n${name}:`)
    if (found === -1) return ""
    const from = found + name.length + 3
    const to = block.indexOf("\r\n", from)
    return block.slice(from, to === -1 ? undefined : to).trim()
  }

/** A message as the client keeps it: with the header block unread. Its public side parses all headers to give one. */
interface Raw {
  readonly _rdata: Uint8Array
  readonly _msg: { readonly hdr: number }
}

const isRaw = (message: unknown): message is Raw =>
  Predicate.hasProperty(message, "_rdata") &&
  message._rdata instanceof Uint8Array &&
  Predicate.hasProperty(message, "_msg") &&
  Predicate.hasProperty(message._msg, "hdr") &&
  Predicate.isNumber(message._msg.hdr)

const decoder = new TextDecoder()

/** A delivered message's header block; from the client's parsed headers, if it keeps its messages otherwise some day. */
export const headerBlockOf = (message: JsMsg): string => {
  const raw = Predicate.hasProperty(message, "msg") ? message.msg : undefined
  if (!isRaw(raw)) return String(message.headers ?? "")
  return raw._msg.hdr > 0 ? decoder.decode(raw._rdata.subarray(0, raw._msg.hdr)) : ""
}
