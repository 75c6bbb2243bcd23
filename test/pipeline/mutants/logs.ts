import { Clock, Effect, Layer, Stream } from "effect"
import * as MemoryPipeline from "../../../src/infra/memory/MemoryPipeline.ts"
import type { OutboxRow, StoredEvent } from "../../../src/pipeline/Envelope.ts"
import { EventLog } from "../../../src/pipeline/EventLog.ts"
import { fnv1a } from "../../../src/pipeline/Partition.ts"
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

/**
 * A window of messages sent at once, and each that fails sent again by itself: what was refused comes after what was
 * sent behind it.
 */
export const retriesEachMessage = variant((inner) => ({
  publish: Effect.fnUntraced(function* (declaration, rows) {
    const isRefused = ({ eventId }: OutboxRow) => fnv1a(eventId) % 8 === 0
    const sent = [...rows.filter((row) => !isRefused(row)), ...rows.filter(isRefused)]
    let seq = (yield* inner.info(declaration.name)).lastSeq
    for (const row of sent) seq = (yield* inner.publish(declaration, [row], seq)).seq
    return { seq, duplicate: false }
  })
}))

/** How long a group of `groupByKey` lives without a new event, in milliseconds: shorter than a handler may take. */
const idleMs = 5

/**
 * Groups by key that end when they are idle, as `Stream.groupByKey` does with a time to live: the next event of the key
 * opens a new group, while the last one is still being handled in the old.
 */
export const groupsWithIdleTimeout: Variant = {
  ...variant((inner) => ({
    open: (declaration, from) =>
      Effect.map(inner.open(declaration, from), (subscription) => {
        const groups = new Map<string, { readonly name: string; readonly first: number; lastMs: number }>()
        const grouped = (nowMs: number, event: StoredEvent): StoredEvent => {
          const known = groups.get(event.key)
          const isLive = known !== undefined && nowMs - known.lastMs < idleMs
          const group = isLive
            ? known
            : { name: `${event.key}#${event.version - 1}`, first: event.version - 1, lastMs: nowMs }
          group.lastMs = nowMs
          groups.set(event.key, group)
          return { ...event, key: group.name, version: event.version - group.first }
        }
        const events = subscription.events.pipe(
          Stream.mapEffect((event) => Effect.map(Clock.currentTimeMillis, (nowMs) => grouped(nowMs, event)))
        )
        return { ...subscription, events }
      })
  })),
  placeOf: ({ key, version }) => {
    const at = key.lastIndexOf("#")
    return { key: key.slice(0, at), version: Number(key.slice(at + 1)) + version }
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
