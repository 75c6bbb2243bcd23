import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { OutgoingLog } from "./OutgoingLog.ts"

/** The body of a push, as its receiver sees it. `version` is the user's: 1, 2, 3 … without gaps. */
export const PushBody = Schema.Struct({
  type: Schema.String,
  eventId: Schema.String,
  orderId: Schema.String,
  userId: Schema.String,
  version: Schema.Int,
  occurredAt: Schema.DateTimeUtcFromString,
  message: Schema.String
})
export type PushBody = typeof PushBody.Type

/** A push and what identifies it. */
export interface PushNotice {
  readonly body: PushBody
  readonly idempotencyKey: string
  readonly traceparent: string
}

/** The receiver did not answer, or not with a 2xx. Whether it acted is unknown; the same idempotency key is used again. */
export class PushFailed extends Schema.TaggedError<PushFailed>()("PushFailed", { detail: Schema.String }) {
  override get message() {
    return `the push was not accepted: ${this.detail}`
  }
}

/** The receiver does not want this push, and would not want it later either. */
export class PushRejected extends Schema.TaggedError<PushRejected>()("PushRejected", { status: Schema.Int }) {
  override get message() {
    return `the receiver answered ${this.status}: it will not take this push`
  }
}

/** Answers that ask for another try, though they are of the kind that does not. */
const triedAgain: ReadonlySet<number> = new Set([408, 425, 429])

/** Sends pushes. Delivery semantics: at least once per call that succeeds, under one idempotency key. */
export class Push extends Context.Service<
  Push,
  { readonly send: (notice: PushNotice) => Effect.Effect<void, PushFailed | PushRejected> }
>()("millrace/app/effects/Push") {}

/** How long a receiver may take to answer. */
const answerMax = "10 seconds"

/** By HTTP POST to one webhook. */
export const layerWebhook = (url: Redacted.Redacted): Layer.Layer<Push, never, HttpClient.HttpClient> =>
  Layer.effect(
    Push,
    Effect.gen(function* () {
      const client = (yield* HttpClient.HttpClient).pipe(HttpClient.filterStatusOk)
      const send = Effect.fnUntraced(function* ({ body, idempotencyKey, traceparent }: PushNotice) {
        const request = yield* HttpClientRequest.post(Redacted.value(url)).pipe(
          HttpClientRequest.setHeaders({
            "Idempotency-Key": idempotencyKey,
            // Header values are one line of Latin letters; a key may be more than that.
            "Millrace-Key": encodeURIComponent(body.userId),
            "Millrace-Version": String(body.version),
            traceparent
          }),
          HttpClientRequest.schemaBodyJson(PushBody)(body)
        )
        const response = yield* client.execute(request)
        // Read to its end, or the connection is not given back.
        yield* response.arrayBuffer
      })
      return Push.of({
        send: (notice) =>
          send(notice).pipe(
            Effect.scoped,
            // The header carries the trace of the transaction that caused the event, not of this request.
            Effect.provideService(HttpClient.TracerPropagationEnabled, false),
            Effect.timeout(answerMax),
            Effect.mapError(failureOf)
          )
      })
    })
  )

const failureOf = (error: HttpClientError.HttpClientError | { readonly message: string }) => {
  const status =
    error instanceof HttpClientError.HttpClientError && error.reason._tag === "StatusCodeError"
      ? error.reason.response.status
      : 0
  return status >= 400 && status < 500 && !triedAgain.has(status)
    ? new PushRejected({ status })
    : new PushFailed({ detail: error.message })
}

/** Logs what would be sent. */
export const layerLog: Layer.Layer<Push, never, OutgoingLog> = Layer.effect(
  Push,
  Effect.map(OutgoingLog, (log) =>
    Push.of({
      send: ({ body, idempotencyKey }) =>
        log.say("push (PUSH_WEBHOOK_URL is not set, so it is only logged)", {
          type: body.type,
          message: body.message,
          idempotencyKey
        })
    })
  )
)
