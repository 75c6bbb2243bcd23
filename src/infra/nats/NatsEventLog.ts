import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import type { Msg } from "@nats-io/transport-node"
import { Effect, Layer, Schema } from "effect"
import type { OutboxRow } from "../../pipeline/Envelope.ts"
import { EventLog, type LogDeclaration, type StoredRef } from "../../pipeline/EventLog.ts"
import { BrokerRefused, type BrokerUnavailable } from "../../pipeline/PipelineError.ts"
import { makeRing, ringsOf } from "./doorbells.ts"
import { HeaderBlock, headersIn } from "./HeaderBlock.ts"
import { header, headersOf, markSubject, readHeaders, subjectOf } from "./Message.ts"
import { answerOf, call } from "./natsFailure.ts"
import { ends, marked, markOf, type Newest } from "./natsTopology.ts"
import { NatsConnection } from "./NatsConnection.ts"
import { openShared } from "./NatsSharedSubscription.ts"
import { type NatsHandles, openSubscription } from "./NatsSubscription.ts"
import { declareStream, type StreamOptions } from "./StreamDeclaration.ts"

/** How long one request may take before its outcome counts as unknown. */
export const requestMs = 3_000

const Ack = Schema.Struct({ seq: Schema.Int, duplicate: Schema.optionalKey(Schema.Boolean) })

const Info = Schema.Struct({
  created: Schema.String,
  config: Schema.Struct({ max_msg_size: Schema.optionalKey(Schema.Int), num_replicas: Schema.Int }),
  state: Schema.Struct({ first_seq: Schema.Int, last_seq: Schema.Int })
})

const Got = Schema.Struct({
  message: Schema.Struct({
    seq: Schema.Int,
    hdrs: Schema.optionalKey(Schema.String),
    data: Schema.optionalKey(Schema.String)
  })
})

/** The stream's name at the broker: capitals, as its users know it. */
export const streamNameOf = (name: string) => name.toUpperCase()

/**
 * JetStream as the event log.
 *
 * Guarantees: a batch is published with the broker's atomic-batch protocol, written out here because the client's own
 * wrapper drops message ids and masks errors; it is stored whole and in order, or not at all, and only when the stream
 * still ends where the caller says. A few rows go one by one, each only behind the one before: of them a beginning may be
 * stored, in order.
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
      /** Streams without replicas, as they were looked at last. */
      const single = new Set<string>()
      const handles: NatsHandles = { nats, manager, jetstream: jetstream(connection, { timeout: requestMs }) }

      return EventLog.of({
        declare: (declaration) => declareStream(manager, streamNameOf(declaration.name), declaration, options),
        info: (name) =>
          Effect.map(info(connection, name), ({ replicas, ...said }) => {
            if (replicas === 1) single.add(name)
            else single.delete(name)
            return said
          }),
        publish: (declaration, rows, expectedLastSeq) => {
          const isChain = rows.length === 1 || (rows.length <= chainRowsMax && single.has(declaration.name))
          return (isChain ? publishChain : publishBatch)(connection, declaration, rows, expectedLastSeq)
        },
        refs: (name, afterSeq, toSeq) => refs(connection, name, afterSeq, toSeq),
        mark: (declaration, topologies, expectedLastSeq) =>
          call("mark", () =>
            request(connection, {
              subject: markSubject(declaration),
              payload: markOf(topologies),
              headers: new HeaderBlock([[header.expectedLastSequence, String(expectedLastSeq)]])
            })
          ).pipe(
            Effect.flatMap(ackOf),
            Effect.map(({ seq }) => seq)
          ),
        marked: (declaration) => marked(newest(connection), declaration),
        ends: (declaration, topology) => ends(newest(connection), declaration, topology),
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
      replicas: config.num_replicas,
      messageMaxBytes: smallest(connection.info?.max_payload ?? 1_048_576, config.max_msg_size)
    }))
  )

const publishBatch = (
  connection: Connection,
  declaration: LogDeclaration,
  rows: ReadonlyArray<OutboxRow>,
  expectedLastSeq: number
) =>
  call("publish", () => {
    const batch = globalThis.crypto.randomUUID()
    const messages = rows.map((row, i) => {
      const headers: Array<Header> = [
        [header.batchId, batch],
        [header.batchSequence, String(i + 1)]
      ]
      if (i === 0) headers.push([header.expectedLastSequence, String(expectedLastSeq)])
      if (i === rows.length - 1) headers.push([header.batchCommit, "1"])
      return messageOf(declaration, row, headers)
    })
    for (const { headers, payload, subject } of messages.slice(0, -1)) connection.publish(subject, payload, { headers })
    const last = messages.at(-1)
    return last === undefined ? Promise.reject(new Error("an empty batch")) : request(connection, last)
  }).pipe(Effect.flatMap(ackOf))

/**
 * Rows up to which each is published by itself: the server takes 2.6 ms for any atomic batch, and 0.2 ms for a message.
 * Not with replicas: their leader lets what it will refuse pass at first, does not answer it, and is slow to recover.
 */
const chainRowsMax = 8

// All at once, each only directly behind the one before: when one is refused, so are those behind it. The sequence alone
// would not say so: somebody else's message may have taken the place of the one before. What is stored is a beginning of
// the rows, which is what reconciling finds. The first refusal is the reason of the others.
const publishChain = (
  connection: Connection,
  declaration: LogDeclaration,
  rows: ReadonlyArray<OutboxRow>,
  expectedLastSeq: number
) =>
  call("publish", () =>
    Promise.all(
      rows.map((row, i) => request(connection, messageOf(declaration, row, behind(expectedLastSeq + i, rows[i - 1]))))
    )
  ).pipe(
    Effect.flatMap((answers) => Effect.forEach(answers, rows.length === 1 ? ackOf : newAckOf)),
    Effect.flatMap((acks) => lastOf(acks))
  )

const behind = (seq: number, before: OutboxRow | undefined): ReadonlyArray<Header> => {
  const last: Header = [header.expectedLastSequence, String(seq)]
  return before === undefined ? [last] : [last, [header.expectedLastMessageId, before.eventId]]
}

/** A duplicate among several is refused as it is in an atomic batch: which one it is, only publishing them one by one tells. */
const newAckOf = (answer: Msg) =>
  Effect.filterOrFail(
    ackOf(answer),
    (ack) => !ack.duplicate,
    (ack) => new BrokerRefused({ operation: "publish", code: idInStream, detail: `at ${ack.seq}` })
  )

const lastOf = <A>(some: ReadonlyArray<A>): Effect.Effect<A> => {
  const last = some.at(-1)
  return last === undefined ? Effect.die(new Error("an empty batch")) : Effect.succeed(last)
}

/** The broker's own code for a message id that the stream has, as atomic batches are answered with it. */
const idInStream = 10201

const request = (
  connection: Connection,
  { headers, payload, subject }: { readonly subject: string; readonly payload: string; readonly headers: HeaderBlock }
) => connection.request(subject, payload, { headers, timeout: requestMs })

const ackOf = (answer: Msg) =>
  Effect.map(answerOf("publish", Ack, answer), ({ duplicate, seq }) => ({ seq, duplicate: duplicate === true }))

const ref = (connection: Connection, name: string, seq: number) =>
  api(connection, `STREAM.MSG.GET.${streamNameOf(name)}`, JSON.stringify({ seq }), Got).pipe(
    Effect.map(({ message }): ReadonlyArray<StoredRef> => {
      const ours = readHeaders(headersIn(Buffer.from(message.hdrs ?? "", "base64").toString()))
      return ours === undefined ? [] : [{ seq: message.seq, ...ours }]
    }),
    Effect.catchIf(isNotFound, () => Effect.succeed([]))
  )

/** The newest message of a subject, or of several by a wildcard. */
const newest =
  (connection: Connection): Newest =>
  ({ name }, subject) =>
    api(connection, `STREAM.MSG.GET.${streamNameOf(name)}`, JSON.stringify({ last_by_subj: subject }), Got).pipe(
      Effect.map(({ message: { data = "", seq } }) => ({ seq, payload: Buffer.from(data, "base64").toString() })),
      Effect.catchIf(isNotFound, () => Effect.undefined)
    )

const refs = (connection: Connection, name: string, afterSeq: number, toSeq: number) =>
  Effect.forEach(
    Array.from({ length: Math.max(0, toSeq - afterSeq) }, (_, i) => afterSeq + 1 + i),
    (seq) => ref(connection, name, seq),
    { concurrency: 200 }
  ).pipe(Effect.map((found) => found.flat()))

type Header = readonly [name: string, value: string]

const messageOf = (declaration: LogDeclaration, row: OutboxRow, headers: ReadonlyArray<Header>) => ({
  subject: subjectOf(declaration, row),
  payload: row.payload,
  headers: new HeaderBlock([...headersOf(row), ...headers])
})

const noMessageFound = 10037

const isNotFound = (error: BrokerRefused | BrokerUnavailable) =>
  error._tag === "BrokerRefused" && error.code === noMessageFound

const smallest = (serverMax: number, streamMax: number | undefined) =>
  streamMax === undefined || streamMax <= 0 ? serverMax : Math.min(serverMax, streamMax)
