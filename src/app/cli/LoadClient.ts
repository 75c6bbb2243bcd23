import { Effect, Schema } from "effect"
import { Pool } from "@effect/platform-node/Undici"

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
 * typed client costs as much as the server's own work, and would measure itself; undici's dispatch costs half of
 * `node:http`.
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
  const pool = yield* Effect.acquireRelease(
    Effect.sync(() => new Pool(new URL(url).origin, { connections: loadConnectionsMax })),
    (open) => Effect.promise(() => open.destroy())
  )
  const send: LoadClient["send"] = (method, path, body, idempotencyKey) =>
    Effect.callback((resume) => {
      const call: Call = { abandoned: false, controller: undefined, status: 0, refusal: "" }
      const headers = { "content-type": "application/json", "idempotency-key": idempotencyKey }
      pool.dispatch(
        { method, path, headers, body: JSON.stringify(body) },
        {
          onRequestStart: (controller) => {
            call.controller = controller
            if (call.abandoned) controller.abort(givenUp)
          },
          onResponseStart: (_controller, status) => {
            call.status = status
          },
          onResponseData: (_controller, part) => {
            if (call.status >= 300 && call.refusal.length < detailMaxChars) call.refusal += part.toString()
          },
          onResponseEnd: () => resume(call.status < 300 ? Effect.void : refused(call.status, call.refusal)),
          onResponseError: (_controller, error) => resume(refused(0, error.message))
        }
      )
      return Effect.sync(() => {
        call.abandoned = true
        // Its connection would stay taken by a server that never answers.
        call.controller?.abort(givenUp)
      })
    })
  return { send } satisfies LoadClient
})

interface Call {
  abandoned: boolean
  controller: { readonly abort: (reason: Error) => void } | undefined
  status: number
  refusal: string
}

const givenUp = new Error("given up")

const refused = (status: number, detail: string) =>
  Effect.fail(new LoadRefused({ status, detail: detail.slice(0, detailMaxChars) }))
