import {
  AckPolicy,
  type ConsumerInfo,
  DeliverPolicy,
  jetstream,
  type JetStreamClient,
  jetstreamManager,
  type JetStreamManager,
  type JsMsg,
  type StoredMsg
} from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { Effect, Layer } from "effect"
import type { LogDeclaration } from "../../pipeline/EventLog.ts"
import type { BrokerRefused, BrokerUnavailable } from "../../pipeline/PipelineError.ts"
import { type ConsumerStats, type ReadRange, type SeenEvent, StreamView } from "../../pipeline/StreamView.ts"
import { headerBlockOf, headersIn } from "./HeaderBlock.ts"
import { foreignEvent, isMark, partitionSubject, readHeaders } from "./Message.ts"
import { requestMs, streamNameOf } from "./NatsEventLog.ts"
import { NatsConnection } from "./NatsConnection.ts"
import { call } from "./natsFailure.ts"

interface Handles {
  readonly manager: JetStreamManager
  readonly client: JetStreamClient
}

/** The stream as people want to see it, by consumers of their own that vanish behind them. */
export const layer: Layer.Layer<StreamView, BrokerRefused | BrokerUnavailable, NatsConnection> = Layer.effect(
  StreamView,
  Effect.gen(function* () {
    const { connection } = yield* NatsConnection
    const manager = yield* call("JetStream manager", () =>
      jetstreamManager(connection, { checkAPI: false, timeout: requestMs })
    )
    const handles: Handles = { manager, client: jetstream(connection, { timeout: requestMs }) }
    return StreamView.of({
      stats: (name) =>
        Effect.map(
          call("look at a stream", () => manager.streams.info(streamNameOf(name))),
          ({ config, state }) => ({
            firstSeq: state.first_seq,
            lastSeq: state.last_seq,
            messages: state.messages,
            bytes: state.bytes,
            bytesMax: config.max_bytes
          })
        ),
      consumers: (name) => consumers(handles, name),
      read: (declaration, range) => read(handles, declaration, range),
      at: (declaration, seq) =>
        call("read a message", () => manager.streams.getMessage(streamNameOf(declaration.name), { seq })).pipe(
          Effect.map((found) => (found === null || isMark(found.subject) ? undefined : seenOf(fromStored(found)))),
          Effect.catchIf(isNotFound, () => nothing)
        ),
      behind: (declaration, partition, afterSeq) => behind(handles, declaration, partition, afterSeq)
    })
  })
)

const noMessageFound = 10037

const nothing: Effect.Effect<SeenEvent | undefined> = Effect.undefined

const isNotFound = (error: BrokerRefused | BrokerUnavailable) =>
  error._tag === "BrokerRefused" && error.code === noMessageFound

const consumers = ({ manager }: Handles, name: string) =>
  call("list consumers", async () => {
    const found: Array<ConsumerInfo> = []
    for await (const info of manager.consumers.list(streamNameOf(name))) found.push(info)
    return found
  }).pipe(
    Effect.map((infos) => {
      const newest = new Map<string, { readonly stats: ConsumerStats; readonly created: string }>()
      for (const info of infos) {
        const stats = statsOf(info)
        if (stats === undefined) continue
        const at = `${stats.handler} ${stats.partition}`
        const known = newest.get(at)
        if (known === undefined || known.created < info.created) newest.set(at, { stats, created: info.created })
      }
      return [...newest.values()].map(({ stats }) => stats)
    })
  )

/** The pipeline's own consumers say in their metadata whose they are. */
const statsOf = ({ ack_floor, config, num_ack_pending, num_pending }: ConsumerInfo): ConsumerStats | undefined => {
  const { handler, partition } = config.metadata ?? {}
  if (handler === undefined) return undefined
  return {
    handler,
    partition: partition === undefined ? undefined : Number(partition),
    pending: num_pending,
    inHand: num_ack_pending,
    floor: ack_floor.stream_seq
  }
}

interface Range extends ReadRange {
  readonly declaration: LogDeclaration
}

/** Somebody who looks is gone after this. */
const inactiveMs = 5_000

/** How long a pull waits for what the broker has said is there. */
const fetchMs = 2_000

/** A consumer of its own for one look; deleted behind it, or gone by itself. */
const looking = <A, E>(
  handles: Handles,
  { declaration, fromSeq, partition, payloads }: Range,
  use: (info: ConsumerInfo) => Effect.Effect<A, E>
) => {
  const streamName = streamNameOf(declaration.name)
  return Effect.acquireUseRelease(
    call("create a consumer", () =>
      handles.manager.consumers.add(streamName, {
        name: `look-${globalThis.crypto.randomUUID()}`,
        ...(partition === undefined ? {} : { filter_subject: partitionSubject(declaration, partition) }),
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: Math.max(1, fromSeq),
        ack_policy: AckPolicy.None,
        headers_only: !payloads,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: nanos(inactiveMs)
      })
    ),
    use,
    ({ name }) => Effect.ignore(call("delete a consumer", () => handles.manager.consumers.delete(streamName, name)))
  )
}

const fetch = (
  handles: Handles,
  declaration: LogDeclaration,
  { name, num_pending }: ConsumerInfo,
  eventsMax: number
) => {
  const wanted = Math.min(eventsMax, num_pending)
  if (wanted === 0) return Effect.succeed<ReadonlyArray<SeenEvent>>([])
  return call("read a stream", async () => {
    const consumer = await handles.client.consumers.get(streamNameOf(declaration.name), name)
    const messages = await consumer.fetch({ max_messages: wanted, expires: fetchMs })
    const seen: Array<SeenEvent> = []
    for await (const message of messages) if (!isMark(message.subject)) seen.push(seenOf(fromDelivered(message)))
    return seen
  })
}

const read = (handles: Handles, declaration: LogDeclaration, range: ReadRange) =>
  looking(handles, { ...range, declaration }, (info) => fetch(handles, declaration, info, range.eventsMax))

const behind = (handles: Handles, declaration: LogDeclaration, partition: number, afterSeq: number) =>
  looking(handles, { declaration, partition, fromSeq: afterSeq + 1, eventsMax: 1, payloads: false }, (info) =>
    Effect.map(fetch(handles, declaration, info, 1), ([oldest]) => ({
      events: info.num_pending,
      oldestStoredAtMs: oldest?.storedAtMs
    }))
  )

/** A message, however it came. */
interface Message {
  readonly subject: string
  readonly seq: number
  readonly storedAtMs: number
  readonly headers: string
  readonly payload: string
}

const fromDelivered = (message: JsMsg): Message => ({
  subject: message.subject,
  seq: message.seq,
  storedAtMs: Math.floor(message.info.timestampNanos / 1e6),
  headers: headerBlockOf(message),
  payload: message.string()
})

const fromStored = (message: StoredMsg): Message => ({
  subject: message.subject,
  seq: message.seq,
  storedAtMs: message.time.getTime(),
  headers: String(message.header),
  payload: message.string()
})

const encoder = new TextEncoder()

/** The server adds it when it leaves the payload out. */
const sizeHeader = "Nats-Msg-Size"

const seenOf = ({ headers, payload, seq, storedAtMs, subject }: Message): SeenEvent => {
  const headerOf = headersIn(headers)
  const size = headerOf(sizeHeader)
  const [, , partition = "0"] = subject.split(".")
  return {
    ...(readHeaders(headerOf) ?? foreignEvent(seq)),
    seq,
    storedAtMs,
    partition: Number(partition),
    type: subject.slice(subject.lastIndexOf(".") + 1),
    payload,
    payloadBytes: size === "" ? encoder.encode(payload).length : Number(size)
  }
}
