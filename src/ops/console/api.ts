import { remembered } from "./remembered.ts"

/** Why something was refused, as the server says it (RFC 9457), or as the network does. */
export interface Problem {
  /** 0: the server was not reached. */
  readonly status: number
  readonly type: string
  readonly title: string
  readonly detail: string
  readonly issues: ReadonlyArray<string>
}

export type Answer<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly problem: Problem }

/** OPS_TOKEN of the pipeline, for as long as the tab lives. */
export const token = remembered("session", "millrace.token")

const base = new URL("../ops/", location.href)

type Parameters = Readonly<Record<string, string | number | undefined>>

const addressOf = (path: string, parameters: Parameters): URL => {
  const url = new URL(path, base)
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== "") url.searchParams.set(name, String(value))
  return url
}

const headers = (more: Readonly<Record<string, string>> = {}): HeadersInit => ({
  accept: "application/json",
  ...(token.value === "" ? {} : { authorization: `Bearer ${token.value}` }),
  ...more
})

const unreachable = (error: unknown): Problem => ({
  status: 0,
  type: "",
  title: "The pipeline does not answer",
  detail: error instanceof Error ? error.message : String(error),
  issues: []
})

const textIn = (body: unknown, name: string): string => {
  const value: unknown = typeof body === "object" && body !== null ? Reflect.get(body, name) : undefined
  return typeof value === "string" ? value : ""
}

const issuesIn = (body: unknown): ReadonlyArray<string> => {
  const errors: unknown = typeof body === "object" && body !== null ? Reflect.get(body, "errors") : undefined
  return Array.isArray(errors) ? errors.map(issueText) : []
}

const issueText = (issue: unknown): string =>
  [textIn(issue, "pointer") || textIn(issue, "path"), textIn(issue, "detail") || textIn(issue, "message")]
    .filter((one) => one !== "")
    .join(": ")

/** What a refusal says, however it says it. */
export const problemOf = async (response: Response): Promise<Problem> => {
  const body: unknown = await response.json().catch(() => ({}))
  return {
    status: response.status,
    type: textIn(body, "type"),
    title: textIn(body, "title") || `HTTP ${response.status}`,
    detail: textIn(body, "detail"),
    issues: issuesIn(body)
  }
}

const answerOf = async <A>(response: Response): Promise<Answer<A>> =>
  response.ok ? { ok: true, value: await response.json() } : { ok: false, problem: await problemOf(response) }

const asked = <A>(url: URL, init: RequestInit): Promise<Answer<A>> =>
  fetch(url, init)
    .then((response) => answerOf<A>(response))
    .catch((error: unknown) => ({ ok: false, problem: unreachable(error) }))

export const get = <A>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<Answer<A>> =>
  asked<A>(addressOf(path, parameters), { headers: headers(), ...(signal === undefined ? {} : { signal }) })

export const post = <A>(path: string, body: unknown): Promise<Answer<A>> =>
  asked<A>(addressOf(path, {}), {
    method: "POST",
    headers: headers({ "content-type": "application/json" }),
    body: JSON.stringify(body)
  })

/** An answer that is read as it comes; a refusal as a Problem. */
export const open = (path: string, signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>>> =>
  fetch(addressOf(path, {}), { headers: headers({ accept: "text/event-stream" }), signal, cache: "no-store" })
    .then(async (response): Promise<Answer<ReadableStream<Uint8Array>>> =>
      response.ok && response.body !== null
        ? { ok: true, value: response.body }
        : { ok: false, problem: await problemOf(response) }
    )
    .catch((error: unknown) => ({ ok: false, problem: unreachable(error) }))
