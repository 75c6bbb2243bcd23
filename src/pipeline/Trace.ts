import { Effect, Option, References, Tracer } from "effect"

/**
 * The W3C traceparent of the span that is open; without one what was given, if it is one; or a fresh one: an event always
 * has a trace to be found by.
 */
export const traceparentOr = (given: string | undefined): Effect.Effect<string> =>
  Effect.map(Effect.serviceOption(Tracer.ParentSpan), (span) => {
    const own = Option.getOrUndefined(Option.map(span, formatTraceparent))
    return [own, given].find(isTraceparent) ?? freshTraceparent()
  })

/** The W3C traceparent of the span that is open, or a fresh one. */
export const currentTraceparent: Effect.Effect<string> = traceparentOr(undefined)

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

/** Links of a span, at most: of a larger batch, some events from all over it. */
export const linksMax = 32

/** Links to what caused the events of a batch, each cause once. */
export const linksOf = (traceparents: ReadonlyArray<string>): Array<Tracer.SpanLink> => {
  const causes = [...new Set(traceparents)]
  const step = Math.max(1, causes.length / linksMax)
  return Array.from(
    { length: Math.min(causes.length, linksMax) },
    (_, i) => causes[Math.floor(i * step)] ?? ""
  ).flatMap((traceparent) =>
    Option.toArray(Option.map(spanOfTraceparent(traceparent), (span) => ({ span, attributes: {} })))
  )
}

/** In a span of its own, if anybody traces: a batch is of many traces, so it is in none of them, and linked to some. */
export const inBatchSpan = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  kind: Tracer.SpanKind,
  batch: ReadonlyArray<{ readonly traceparent: string }>
): Effect.Effect<A, E, R> =>
  whenTraced(effect, name, () => ({
    kind,
    root: true,
    links: linksOf(batch.map(({ traceparent }) => traceparent)),
    attributes: { events: batch.length }
  }))

/** In a span, if anybody traces: what describes it is not even made otherwise, and costs nothing. */
export const whenTraced = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  options: () => Tracer.SpanOptionsNoTrace
): Effect.Effect<A, E, R> =>
  Effect.flatMap(References.TracerEnabled, (isTraced) =>
    // Where it was made would only ever name this line.
    isTraced ? effect.pipe(Effect.withSpan(name, options(), { captureStackTrace: false })) : effect
  )

function formatTraceparent(span: Tracer.AnySpan): string {
  return `00-${span.traceId.padStart(32, "0")}-${span.spanId.padStart(16, "0")}-${span.sampled ? "01" : "00"}`
}

function freshTraceparent(): string {
  const hex = () => globalThis.crypto.randomUUID().replaceAll("-", "")
  return `00-${hex()}-${hex().slice(0, 16)}-01`
}
