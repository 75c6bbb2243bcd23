import { Predicate, Redacted, Result } from "effect"
import { versionField } from "../pipeline/Event.ts"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"

/** What stands for a value that its Schema marks Redacted. */
export const masked = "‹redacted›"

/** Shows payloads of events without what their Schema marks Redacted. */
export interface Mask {
  /** JSON text in, JSON text out. A payload that cannot be read and may hold something Redacted is masked as a whole. */
  readonly hide: (type: string, payload: string) => string
  /** An edited payload with what was masked put back from the original, where it was left as it is. */
  readonly restore: (payload: string, original: string) => string
}

/** The mask of a stream's events. */
export const maskOf = <Events extends EventSchemas>(stream: EventStream<Events>): Mask => {
  return {
    hide: hiding(stream, () => masked),
    restore: (payload, original) => {
      if (!payload.includes(masked)) return payload
      return Result.match(bothOf(payload, original), {
        onFailure: () => payload,
        onSuccess: ([edited, before]) => JSON.stringify(restoreIn(edited, before))
      })
    }
  }
}

/** Payloads with another value where their Schema marks one Redacted. */
export const hiding = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  instead: (value: unknown) => unknown
): Mask["hide"] => {
  const secret = new Map(
    [...stream.codecs].map(([type, { schemas }]) => [type, schemas.some(({ ast }) => maySayRedacted(ast))])
  )
  return (type, payload) =>
    Result.match(stream.read(type, payload), {
      // What a newer version, or a type that is not known here, may mark, this program does not know.
      onFailure: ({ _tag }) =>
        _tag === "SchemaNewer" || secret.get(type) !== false ? JSON.stringify(masked) : payload,
      onSuccess: ({ written }) =>
        secret.get(type) === true ? JSON.stringify(hideIn(JSON.parse(payload), written, instead)) : payload
    })
}

const bothOf = (payload: string, original: string) =>
  Result.try((): readonly [unknown, unknown] => [JSON.parse(payload), JSON.parse(original)])

/** Walks what is encoded beside what it is decoded to. What has no counterpart by its name may be the secret: it is hidden. */
const hideIn = (encoded: unknown, decoded: unknown, instead: (value: unknown) => unknown): unknown => {
  if (Redacted.isRedacted(decoded)) return instead(encoded)
  if (Array.isArray(encoded))
    return Array.isArray(decoded) && decoded.length === encoded.length
      ? encoded.map((one: unknown, i) => hideIn(one, decoded[i], instead))
      : instead(encoded)
  // A secret may be within what one text or null is decoded to: in an Option, say.
  if (!Predicate.isObject(encoded)) return holdsRedacted(decoded) ? instead(encoded) : encoded
  if (!Predicate.isObject(decoded)) return instead(encoded)
  return Object.fromEntries(
    Object.entries(encoded).map(([name, value]) => [
      name,
      Predicate.hasProperty(decoded, name)
        ? hideIn(value, decoded[name], instead)
        : name === versionField
          ? value
          : instead(value)
    ])
  )
}

/** Anywhere within it. */
const holdsRedacted = (value: unknown): boolean => {
  const seen = new Set<unknown>()
  const open: Array<unknown> = [value]
  while (open.length > 0) {
    const one = open.pop()
    if (Redacted.isRedacted(one)) return true
    if (!Predicate.isObjectKeyword(one) || seen.has(one)) continue
    seen.add(one)
    open.push(...Object.values(one), ...(Predicate.isIterable(one) ? one : []))
  }
  return false
}

// Which one of a list that became longer or shorter is which is not known: what was masked in it has to be given anew.
const restoreIn = (edited: unknown, before: unknown): unknown => {
  if (edited === masked) return before
  if (Array.isArray(edited))
    return edited.map((one: unknown, i) =>
      restoreIn(one, Array.isArray(before) && before.length === edited.length ? before[i] : undefined)
    )
  if (!Predicate.isObject(edited)) return edited
  return Object.fromEntries(
    Object.entries(edited).map(([name, value]) => [
      name,
      restoreIn(value, Predicate.hasProperty(before, name) ? before[name] : undefined)
    ])
  )
}

/** Looks through a whole Schema for one that says so. */
const maySayRedacted = (ast: unknown): boolean => {
  const seen = new Set<unknown>()
  const open: Array<unknown> = [ast]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!Predicate.isObjectKeyword(node) || seen.has(node)) continue
    seen.add(node)
    if (Predicate.hasProperty(node, "expected") && node.expected === "Redacted") return true
    open.push(...Object.values(node).filter((value) => value !== undefined))
  }
  return false
}
