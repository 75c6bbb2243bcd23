import { JetStreamApiError } from "@nats-io/jetstream"
import type { Msg } from "@nats-io/transport-node"
import { Effect, Schema } from "effect"
import { BrokerRefused, BrokerUnavailable } from "../../pipeline/PipelineError.ts"

/** The broker's answer to any JetStream request that it refuses. */
const ErrorAnswer = Schema.Struct({
  error: Schema.Struct({ err_code: Schema.Int, description: Schema.optionalKey(Schema.String) })
})

const isErrorAnswer = Schema.is(ErrorAnswer)

/** A thrown error of the client, by kind: a refusal has a code, everything else means the broker could not be asked. */
export const brokerFailure = (operation: string, cause: unknown): BrokerRefused | BrokerUnavailable =>
  cause instanceof JetStreamApiError
    ? new BrokerRefused({ operation, code: cause.code, detail: cause.message })
    : new BrokerUnavailable({
        operation,
        detail: cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
      })

/** Runs a call of the client; whatever it throws becomes typed. */
export const call = <A>(
  operation: string,
  run: () => Promise<A>
): Effect.Effect<A, BrokerRefused | BrokerUnavailable> =>
  Effect.tryPromise({ try: run, catch: (cause) => brokerFailure(operation, cause) })

/** Reads a JSON answer; one that says `error` is a refusal, one that does not fit the Schema counts as no answer. */
export const answerOf = Effect.fnUntraced(function* <A, I>(
  operation: string,
  schema: Schema.Codec<A, I>,
  message: Msg
): Effect.fn.Return<A, BrokerRefused | BrokerUnavailable> {
  const json = yield* Effect.try({
    try: (): unknown => message.json(),
    catch: (cause) => brokerFailure(operation, cause)
  })
  if (isErrorAnswer(json)) {
    const { description, err_code: code } = json.error
    return yield* new BrokerRefused({ operation, code, detail: description ?? "no description" })
  }
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(schema)(json),
    (error) => new BrokerUnavailable({ operation, detail: `unexpected answer: ${error.message}` })
  )
})
