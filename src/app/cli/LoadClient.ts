import { Effect, Schema } from "effect"
import { Agent, request } from "node:http"

/** The pipeline did not answer, or not with what a load needs. `status` is 0 when there was no answer at all. */
export class LoadRefused extends Schema.TaggedError<LoadRefused>()("LoadRefused", {
  status: Schema.Int,
  detail: Schema.String
}) {
  override get message() {
    return this.status === 0 ? this.detail : `${this.status}: ${this.detail}`
  }
}

/** Connections of a load at the same time. */
export const loadConnectionsMax = 256

/** Longest part of a refusal that is kept. */
const detailMaxChars = 300

/**
 * Sends commands as fast as the machine allows: plain requests on kept connections, answers read but not decoded. The
 * typed client costs as much as the server's own work, and would measure itself.
 */
export interface LoadClient {
  readonly send: (
    method: "POST" | "PUT",
    path: string,
    body: unknown,
    idempotencyKey: string
  ) => Effect.Effect<void, LoadRefused>
}

/** A client for one address; its connections end with the scope. */
export const makeLoadClient = Effect.fnUntraced(function* (url: string) {
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxSockets: loadConnectionsMax })),
    (open) => Effect.sync(() => open.destroy())
  )
  const send: LoadClient["send"] = (method, path, body, idempotencyKey) =>
    Effect.callback((resume) => {
      const text = JSON.stringify(body)
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
        "idempotency-key": idempotencyKey
      }
      const call = request(new URL(path, url), { method, agent, headers }, (response) => {
        const status = response.statusCode ?? 0
        const parts: Array<string> = []
        response.setEncoding("utf8")
        response.on("data", (part: string) => parts.push(part))
        response.on("end", () => resume(status < 300 ? Effect.void : refused(status, parts.join(""))))
        response.on("error", (error) => resume(refused(0, error.message)))
      })
      call.on("error", (error) => resume(refused(0, error.message)))
      call.end(text)
      return Effect.sync(() => call.destroy())
    })
  return { send } satisfies LoadClient
})

const refused = (status: number, detail: string) =>
  Effect.fail(new LoadRefused({ status, detail: detail.slice(0, detailMaxChars) }))
