import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { Effect, Layer, Schema } from "effect"
import type { OutboxRow } from "../../pipeline/Envelope.ts"
import { EventLog, type LogDeclaration, type StoredRef } from "../../pipeline/EventLog.ts"
import type { BrokerRefused, BrokerUnavailable } from "../../pipeline/PipelineError.ts"
import { makeRing, ringsOf } from "./doorbells.ts"
import { HeaderBlock, headersIn } from "./HeaderBlock.ts"
import { header, headersOf, readHeaders, subjectOf } from "./Message.ts"
import { answerOf, call } from "./natsFailure.ts"
import { NatsConnection } from "./NatsConnection.ts"
import { openShared } from "./NatsSharedSubscription.ts"
import { type NatsHandles, openSubscription } from "./NatsSubscription.ts"
import { declareStream, type StreamOptions } from "./StreamDeclaration.ts"

/** How long one request may take before its outcome counts as unknown. */
export const requestMs = 3_000

const Ack = Schema.Struct({ seq: Schema.Int, duplicate: Schema.optionalKey(Schema.Boolean) })

const Info = Schema.Struct({
  created: Schema.String,
  config: Schema.Struct({ max_msg_size: Schema.optionalKey(Schema.Int) }),
  state: Schema.Struct({ first_seq: Schema.Int, last_seq: Schema.Int })
})

const Got = Schema.Struct({ message: Schema.Struct({ seq: Schema.Int, hdrs: Schema.optionalKey(Schema.String) }) })

/** The stream's name at the broker: capitals, as its users know it. */
export const streamNameOf = (name: string) => name.toUpperCase()

/**
 * JetStream as the event log.
 *
 * Guarantees: a batch is published with the broker's atomic-batch protocol, written out here because the client's own
 * wrapper drops message ids and masks errors; it is stored whole and in order, or not at all, and only when the stream
 * still ends where the caller says.
 */
export const layer = (
  options: StreamOptions
): Layer.Layer<EventLog, BrokerRefused | BrokerUnavailable, NatsConnection> =>
  Layer.effect(
    EventLog,
    Effect.gen(function* () {
      const nats = yield* NatsConnection
      const { connection } = nats
      const manager = yield* call("JetStream manager", () =>
        jetstreamManager(connection, { checkAPI: false, timeout: requestMs })
      )
      const handles: NatsHandles = { nats, manager, jetstream: jetstream(connection, { timeout: requestMs }) }

      return EventLog.of({
        declare: (declaration) => declareStream(manager, streamNameOf(declaration.name), declaration, options),
        info: (name) => info(connection, name),
        publish: (declaration, rows, expectedLastSeq) => publish(connection, declaration, rows, expectedLastSeq),
        refs: (name, afterSeq, toSeq) => refs(connection, name, afterSeq, toSeq),
        open: (declaration, from) => openSubscription(handles, declaration, streamNameOf(declaration.name), from),
        share: (declaration, from) => openShared(handles, declaration, streamNameOf(declaration.name), from),
        ring: yield* makeRing(connection),
        rings: (doorbell) => ringsOf(nats, doorbell)
      })
    })
  )

type Connection = NatsConnection["Service"]["connection"]

const api = <A, I>(connection: Connection, subject: string, body: string, schema: Schema.Codec<A, I>) =>
  call(subject, () => connection.request(`$JS.API.${subject}`, body, { timeout: requestMs })).pipe(
    Effect.flatMap((answer) => answerOf(subject, schema, answer))
  )

const info = (connection: Connection, name: string) =>
  api(connection, `STREAM.INFO.${streamNameOf(name)}`, "", Info).pipe(
    Effect.map(({ config, created, state }) => ({
      firstSeq: state.first_seq,
      lastSeq: state.last_seq,
      created,
      messageMaxBytes: smallest(connection.info?.max_payload ?? 1_048_576, config.max_msg_size)
    }))
  )

const publish = (
  connection: Connection,
  declaration: LogDeclaration,
  rows: ReadonlyArray<OutboxRow>,
  expectedLastSeq: number
) =>
  call("publish", () => {
    const batch = rows.length > 1 ? globalThis.crypto.randomUUID() : undefined
    const messages = rows.map((row, i) => messageOf(declaration, row, i, rows.length, batch, expectedLastSeq))
    for (const { headers, payload, subject } of messages.slice(0, -1)) connection.publish(subject, payload, { headers })
    const last = messages.at(-1)
    return last === undefined
      ? Promise.reject(new Error("an empty batch"))
      : connection.request(last.subject, last.payload, { headers: last.headers, timeout: requestMs })
  }).pipe(
    Effect.flatMap((answer) => answerOf("publish", Ack, answer)),
    Effect.map((ack) => ({ seq: ack.seq, duplicate: ack.duplicate === true }))
  )

const ref = (connection: Connection, name: string, seq: number) =>
  api(connection, `STREAM.MSG.GET.${streamNameOf(name)}`, JSON.stringify({ seq }), Got).pipe(
    Effect.map(({ message }): ReadonlyArray<StoredRef> => {
      const ours = readHeaders(headersIn(Buffer.from(message.hdrs ?? "", "base64").toString()))
      return ours === undefined ? [] : [{ seq: message.seq, ...ours }]
    }),
    Effect.catchIf(isNotFound, () => Effect.succeed([]))
  )

const refs = (connection: Connection, name: string, afterSeq: number, toSeq: number) =>
  Effect.forEach(
    Array.from({ length: Math.max(0, toSeq - afterSeq) }, (_, i) => afterSeq + 1 + i),
    (seq) => ref(connection, name, seq),
    { concurrency: 200 }
  ).pipe(Effect.map((found) => found.flat()))

const messageOf = (
  declaration: LogDeclaration,
  row: OutboxRow,
  index: number,
  count: number,
  batch: string | undefined,
  expectedLastSeq: number
) => {
  const headers = [...headersOf(row)]
  if (index === 0) headers.push([header.expectedLastSequence, String(expectedLastSeq)])
  if (batch !== undefined) headers.push([header.batchId, batch], [header.batchSequence, String(index + 1)])
  if (batch !== undefined && index === count - 1) headers.push([header.batchCommit, "1"])
  return { subject: subjectOf(declaration, row), payload: row.payload, headers: new HeaderBlock(headers) }
}

const noMessageFound = 10037

const isNotFound = (error: BrokerRefused | BrokerUnavailable) =>
  error._tag === "BrokerRefused" && error.code === noMessageFound

const smallest = (serverMax: number, streamMax: number | undefined) =>
  streamMax === undefined || streamMax <= 0 ? serverMax : Math.min(serverMax, streamMax)
