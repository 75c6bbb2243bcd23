import { Effect, Layer, Stream } from "effect"
import * as MemoryPipeline from "../../../src/infra/memory/MemoryPipeline.ts"
import type { StoredEvent } from "../../../src/pipeline/Envelope.ts"
import { EventLog } from "../../../src/pipeline/EventLog.ts"
import { faithful, type Variant } from "../../support/World.ts"

const variant = (change: (inner: EventLog["Service"]) => Partial<EventLog["Service"]>): Variant => ({
  ...faithful,
  layer: Layer.effect(
    EventLog,
    Effect.map(EventLog, (inner) => EventLog.of({ ...inner, ...change(inner) }))
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))
})

const delivering = (change: (events: ReadonlyArray<StoredEvent>) => ReadonlyArray<StoredEvent>) =>
  variant((inner) => ({
    open: (declaration, from) =>
      Effect.map(inner.open(declaration, from), (subscription) => ({
        ...subscription,
        events: subscription.events.pipe(
          Stream.chunks,
          Stream.flatMap((events) => Stream.fromArray(change(events)))
        )
      }))
  }))

/** Two events that arrive together arrive the wrong way round. */
export const deliversBackwards = delivering((events) => events.toReversed())

/** The first of several events that arrive together gets lost. */
export const deliversWithHoles = delivering((events) => (events.length > 1 ? events.slice(1) : events))

/** A lane per event instead of a lane per key: each event is given out as the first of a key of its own. */
export const laneForEachEvent: Variant = {
  ...delivering((events) => events.map((event) => ({ ...event, key: `${event.key}#${event.version}`, version: 1 }))),
  placeOf: ({ key }) => {
    const at = key.lastIndexOf("#")
    return { key: key.slice(0, at), version: Number(key.slice(at + 1)) }
  }
}

/** Neither fence nor message ids: what is published is stored, wherever the stream ends. */
export const noFenceAtTheBroker = variant((inner) => ({
  publish: (declaration, rows) =>
    Effect.flatMap(inner.info(declaration.name), ({ lastSeq }) =>
      inner.publish(
        declaration,
        rows.map((row) => ({ ...row, eventId: globalThis.crypto.randomUUID() })),
        lastSeq
      )
    )
}))
