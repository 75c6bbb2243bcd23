/** HTTP as it is: paths and bodies go out byte by byte as given, right or wrong. */
import { type IncomingHttpHeaders, request } from "node:http"
import { Effect, Predicate } from "effect"

/** What is sent. `json` is written as JSON under its content type; `raw` goes out as it is. */
export interface Sent {
  readonly json?: unknown
  readonly raw?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** What came back. `json` is undefined when the body is none. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
}

const bodyOf = (sent: Sent): string | Uint8Array | undefined =>
  sent.raw ?? (sent.json === undefined ? undefined : JSON.stringify(sent.json))

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One request on a connection of its own; dies when there is no answer in 15 s. */
export const call = (base: string, method: string, path: string, sent: Sent = {}): Effect.Effect<Answer> =>
  Effect.callback<Answer, Error>((resume) => {
    const body = bodyOf(sent)
    const headers = {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(body === undefined || sent.headers?.["transfer-encoding"]
        ? {}
        : { "content-length": Buffer.byteLength(body) }),
      ...sent.headers
    }
    const { hostname, port } = new URL(base)
    const out = request({ hostname, port, method, path, headers, agent: false }, (answer) => {
      let text = ""
      answer.setEncoding("utf8").on("data", (part: string) => (text += part))
      answer.on("end", () =>
        resume(Effect.succeed({ status: answer.statusCode ?? 0, headers: answer.headers, text, json: parse(text) }))
      )
      // A server may hang up on a body it does not want; what it said before counts.
      out.on("error", () => undefined)
    })
    out.once("error", (error) => resume(Effect.fail(error)))
    out.end(body)
    return Effect.sync(() => out.destroy())
  }).pipe(
    Effect.timeout("15 seconds"),
    Effect.mapError((error) => new Error(`${method} ${path.slice(0, 200)}: ${error.message}`)),
    Effect.orDie
  )

/** What is at this place of a JSON value, or undefined. */
export const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((inner, step) => (Predicate.hasProperty(inner, step) ? inner[step] : undefined), value)
