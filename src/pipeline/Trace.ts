import { Effect, Option, Tracer } from "effect"

/** The W3C traceparent of the span that is open, or a fresh one: an event always has a trace to be found by. */
export const currentTraceparent: Effect.Effect<string> = Effect.serviceOption(Tracer.ParentSpan).pipe(
  Effect.map(Option.match({ onNone: freshTraceparent, onSome: formatTraceparent }))
)

const w3c = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Whether a caller's header is a W3C traceparent (version 00); anything else is ignored, as the standard asks. */
export const isTraceparent = (text: string | undefined): text is string => text !== undefined && w3c.test(text)

/** A span of the trace a traceparent names, to be the parent of what is done for its event. */
export const spanOfTraceparent = (traceparent: string): Option.Option<Tracer.ExternalSpan> => {
  const [, traceId, spanId, flags] = traceparent.split("-")
  return traceId === undefined || spanId === undefined
    ? Option.none()
    : Option.some(Tracer.externalSpan({ traceId, spanId, sampled: flags === "01" }))
}

function formatTraceparent(span: Tracer.AnySpan): string {
  return `00-${span.traceId.padStart(32, "0")}-${span.spanId.padStart(16, "0")}-${span.sampled ? "01" : "00"}`
}

function freshTraceparent(): string {
  const hex = () => globalThis.crypto.randomUUID().replaceAll("-", "")
  return `00-${hex()}-${hex().slice(0, 16)}-01`
}
