import { Effect, Schema } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { EffectRecord } from "../../pipeline/Oracle.ts"

const Push = Schema.fromJsonString(
  Schema.Struct({ userId: Schema.String, eventId: Schema.String, version: Schema.Int })
)

const decodePush = Schema.decodeUnknownOption(Push)

/** What came in over HTTP. */
export interface Received {
  /** The first push of each event, in the order they came. */
  readonly first: Map<string, EffectRecord>
  /** Pushes that came again, under the same idempotency key. */
  repeated: number
}

/** A receiver of pushes that remembers them: the effect outside that a drill is judged by. It ends with the scope. */
export const startReceiver = Effect.gen(function* () {
  const received: Received = { first: new Map(), repeated: 0 }
  const take = (key: string, text: string) => {
    const push = decodePush(text)
    if (push._tag === "None") return
    if (received.first.has(key)) received.repeated += 1
    else {
      const { eventId, userId, version } = push.value
      received.first.set(key, { key: userId, eventId, version, position: received.first.size })
    }
  }
  const server = createServer((request, response) => {
    const parts: Array<string> = []
    request.setEncoding("utf8").on("data", (part: string) => parts.push(part))
    request.on("end", () => {
      take(String(request.headers["idempotency-key"]), parts.join(""))
      response.writeHead(204).end()
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  // A server that listens on TCP has an address of this form.
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, received }
})
