import { DateTime, Effect, Option, Result } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { EventLog } from "../pipeline/EventLog.ts"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import {
  ParkingDesk,
  type ParkedDetail,
  type ParkedFilter,
  type ParkedName,
  type ParkedPlace
} from "../pipeline/ParkingDesk.ts"
import type { FailedAttempt, ParkedEventDetail, ParkedKey, ParkingAct } from "../pipeline/Parked.ts"
import type { StoreUnavailable } from "../pipeline/PipelineError.ts"
import { type Mask, masked } from "./Mask.ts"
import { type ActBody, keysListedMax, OpsApi, type ParkedKeyBody, replayRateDefaultPerSecond } from "./OpsApi.ts"
import { EventUnreadableProblem, KeyNotParkedProblem, ReadOnlyProblem, StoreUnavailableProblem } from "./opsProblems.ts"
import { actOnMany, editEvent } from "./parkedActs.ts"

/** Keys and events that are shown when nobody says how many. */
const shownDefault = 100

/** Parked keys over HTTP: list, show, act, edit. */
export const parkedGroupLayer = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  mask: Mask,
  readOnly: boolean
) =>
  HttpApiBuilder.group(
    OpsApi,
    "parked",
    Effect.fn(function* (handlers) {
      const desk = yield* ParkingDesk
      const services = yield* Effect.context<ParkingDesk | EventLog>()
      return handlers.handleAll({
        list: ({ query }) => {
          const filter = filterOf(query)
          const limit = Math.min(query.limit ?? shownDefault, keysListedMax)
          return Effect.all({
            total: desk.count(stream.name, filter),
            keys: Effect.map(desk.list(stream.name, filter, limit, afterOf(query)), (keys) => keys.map(keyBody))
          }).pipe(Effect.mapError(unavailable))
        },
        show: ({ params, query }) =>
          desk.show(stream.name, params, query.events ?? shownDefault).pipe(
            Effect.mapError(unavailable),
            Effect.flatMap((found) => orNotParked(found, params)),
            Effect.map((detail) => detailBody(stream, mask, detail))
          ),
        act: ({ payload }) =>
          readOnly && payload.dryRun !== true
            ? refused
            : actOnMany(stream.name, bulkOf(payload)).pipe(
                Effect.mapError(unavailable),
                Effect.provideContext(services)
              ),
        edit: ({ payload: { actor, dryRun = false, handler, key, payload, version, why } }) =>
          readOnly && !dryRun
            ? refused
            : editEvent(stream, mask, { name: { handler, key }, version, payload, dryRun, by: { actor, why } }).pipe(
                Effect.catchTag("StoreUnavailable", (error) => Effect.fail(unavailable(error))),
                Effect.catchTag(["DecodeFailed", "SchemaNewer"], ({ detail }) =>
                  Effect.fail(
                    new EventUnreadableProblem({ errors: [{ path: ["payload", "payload"], message: detail }] })
                  )
                ),
                Effect.flatMap((found) => orNotParked(found, { handler, key })),
                Effect.map((edited) => ({ ...edited, dryRun })),
                Effect.provideContext(services)
              )
      })
    })
  )

const refused = Effect.fail(new ReadOnlyProblem({}))

const unavailable = (error: StoreUnavailable) => new StoreUnavailableProblem({ detail: error.message })

const orNotParked = <A>(found: Option.Option<A>, { handler, key }: ParkedName) =>
  Effect.mapError(Effect.fromOption(found), () => new KeyNotParkedProblem({ handler, key }))

const filterOf = ({
  handler,
  key,
  olderThanSeconds,
  status,
  tag
}: Omit<ParkedFilter, "olderThanMs"> & { readonly olderThanSeconds?: number }): ParkedFilter => ({
  handler,
  key,
  tag,
  status,
  olderThanMs: olderThanSeconds === undefined ? undefined : olderThanSeconds * 1_000
})

interface After {
  readonly afterHandler?: string
  readonly afterKey?: string
  readonly afterParkedAt?: DateTime.Utc
}

const afterOf = ({ afterHandler: handler, afterKey: key, afterParkedAt: at }: After): ParkedPlace | undefined =>
  handler === undefined || key === undefined || at === undefined
    ? undefined
    : { handler, key, parkedAtMs: DateTime.toEpochMillis(at) }

const bulkOf = ({ act, actor, dryRun, filter, limit, ratePerSecond, why }: ActBody) => ({
  act,
  filter: filterOf(filter),
  keysMax: limit ?? Number.MAX_SAFE_INTEGER,
  dryRun: dryRun ?? false,
  ratePerSecond: ratePerSecond ?? replayRateDefaultPerSecond,
  by: { actor, why }
})

/** A parked key as it travels. */
export const keyBody = ({ dueAtMs, first, history, parkedAtMs, ...same }: ParkedKey): ParkedKeyBody => ({
  ...same,
  dueAt: dueAtMs === undefined ? null : DateTime.makeUnsafe(dueAtMs),
  history: history.map(attemptBody),
  parkedAt: DateTime.makeUnsafe(parkedAtMs),
  first: first ?? null
})

const attemptBody = ({ atMs, ...same }: FailedAttempt) => ({ ...same, at: DateTime.makeUnsafe(atMs) })

const detailBody = <Events extends EventSchemas>(stream: EventStream<Events>, mask: Mask, detail: ParkedDetail) => ({
  parked: keyBody(detail.parked),
  events: detail.events.map((one) => eventBody(stream, mask, one)),
  acts: detail.acts.map((act) => actBody(mask, detail, act))
})

const eventBody = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  mask: Mask,
  { event, original }: ParkedEventDetail
) => ({
  version: event.version,
  type: event.type,
  eventId: event.eventId,
  traceparent: event.traceparent,
  payload: mask.hide(event.type, event.payload),
  original: original === undefined ? null : mask.hide(event.type, original),
  unreadable: Result.match(stream.check(event.type, event.payload, event.key), {
    onFailure: ({ detail }) => detail,
    onSuccess: () => null
  })
})

/** Whether an act's payload may be shown, only its type tells; when that is not known, it is not. */
const actBody = (
  mask: Mask,
  { events }: ParkedDetail,
  { act, actor, after, atMs, before, version, why }: ParkingAct
) => {
  const type = events.find(({ event }) => event.version === version)?.event.type
  const shown = (payload: string | undefined) =>
    payload === undefined ? null : type === undefined ? JSON.stringify(masked) : mask.hide(type, payload)
  return {
    act,
    actor,
    why,
    at: DateTime.makeUnsafe(atMs),
    version: version ?? null,
    before: shown(before),
    after: shown(after)
  }
}
