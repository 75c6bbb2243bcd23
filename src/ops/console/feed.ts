import { computed, signal } from "@preact/signals"
import { commandDefault } from "../cliTwin.ts"
import type { HistoryBody, OverviewBody } from "../OverviewApi.ts"
import { get, open, type Problem, token } from "./api.ts"
import { dataOf } from "./serverSentEvents.ts"

/** How the live feed stands. */
export type FeedState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** Nobody looks: it is closed. */
  | { readonly kind: "hidden" }
  /** It broke off, and is tried again. */
  | { readonly kind: "retrying"; readonly atMs: number; readonly problem: Problem }
  /** The token is missing or wrong, or this machine is not let in. */
  | { readonly kind: "refused"; readonly problem: Problem }

/** A frame older than this is called stale. */
const staleAfterMs = 5_000

const backOffMs = { first: 500, max: 10_000 }

export const feed = signal<FeedState>({ kind: "connecting" })

/** The newest frame that is shown. */
export const overview = signal<OverviewBody | undefined>(undefined)

/** Frames still come, but are not shown. */
export const isHeld = signal(false)

export const nowMs = signal(Date.now())

const arrivedMs = signal(0)

/** How old what is shown is; undefined: it is fresh. */
export const staleMs = computed(() => {
  const ms = nowMs.value - arrivedMs.value
  return arrivedMs.value === 0 || ms < staleAfterMs ? undefined : ms
})

/** By the clock of the server, so that ages are right on a machine whose clock is not. */
export const serverNowMs = computed(() => nowMs.value + skewMs.value)

const skewMs = signal(0)

/** A moment of the sparklines. */
export interface Sample {
  readonly atMs: number
  readonly appended: number | null
  readonly handled: number | null
  readonly p95: number | null
  readonly outboxRows: number | null
  readonly lag: number | null
  readonly parkedKeys: number | null
  readonly violations: number | null
}

const sparkMs = 300_000

/** The last five minutes. */
export const samples = signal<ReadonlyArray<Sample>>([])

const waiting: { frame: OverviewBody | undefined } = { frame: undefined }

const show = (frame: OverviewBody): void => {
  arrivedMs.value = Date.now()
  skewMs.value = frame.atMs - Date.now()
  waiting.frame = frame
  samples.value = [
    ...samples.value.filter(({ atMs }) => atMs > frame.atMs - sparkMs && atMs < frame.atMs),
    sampleOf(frame)
  ]
  if (!isHeld.value) overview.value = frame
}

const sampleOf = (frame: OverviewBody): Sample => ({
  atMs: frame.atMs,
  appended: frame.rates.appended,
  handled: frame.rates.handled,
  p95: frame.latency?.p95 ?? null,
  outboxRows: frame.outbox.rows,
  lag: frame.lag.events,
  parkedKeys: frame.parked.keys,
  violations: frame.violations
})

/** Holds what is shown, or shows the newest again. */
export const toggleHold = (): void => {
  isHeld.value = !isHeld.value
  if (!isHeld.value && waiting.frame !== undefined) overview.value = waiting.frame
}

const samplesIn = (history: HistoryBody): ReadonlyArray<Sample> =>
  history.atMs.map((atMs, index) => ({
    atMs,
    appended: history.appended[index] ?? null,
    handled: history.handled[index] ?? null,
    p95: history.p95[index] ?? null,
    outboxRows: history.outboxRows[index] ?? null,
    lag: history.lag[index] ?? null,
    parkedKeys: history.parkedKeys[index] ?? null,
    violations: history.violations[index] ?? null
  }))

const fillSparklines = async (): Promise<void> => {
  const answer = await get<HistoryBody>("history", { minutes: 5 })
  if (answer.ok) samples.value = samplesIn(answer.value)
}

const connection: { current: AbortController | undefined; failures: number; timer: number } = {
  current: undefined,
  failures: 0,
  timer: 0
}

const close = (): void => {
  clearTimeout(connection.timer)
  connection.current?.abort()
  connection.current = undefined
}

/** Opens the feed anew: at the beginning, with another token, or when somebody does not want to wait. */
export const connect = (): void => {
  close()
  const mine = new AbortController()
  connection.current = mine
  feed.value = { kind: "connecting" }
  void fillSparklines()
  void read(mine)
}

const read = async (mine: AbortController): Promise<void> => {
  const answer = await open("live", mine.signal)
  const problem = answer.ok ? await shown(answer.value, mine) : answer.problem
  if (mine.signal.aborted) return
  if (problem.status === 401 || problem.status === 403) feed.value = { kind: "refused", problem }
  else retry(problem)
}

const ended: Problem = { status: 0, type: "", title: "The feed ended", detail: "", issues: [] }

/** Shows frames until there are no more. */
const shown = async (body: ReadableStream<Uint8Array>, mine: AbortController): Promise<Problem> =>
  dataOf(body, (data) => {
    if (mine.signal.aborted) return
    connection.failures = 0
    feed.value = { kind: "live" }
    show(JSON.parse(data))
  })
    .then(() => ended)
    .catch((error: unknown) => ({ ...ended, detail: error instanceof Error ? error.message : String(error) }))

// A restarted server is not to be met by all consoles in the same moment.
const retry = (problem: Problem): void => {
  const waitMs = Math.min(backOffMs.max, backOffMs.first * 2 ** connection.failures) * (0.8 + Math.random() * 0.4)
  connection.failures += 1
  feed.value = { kind: "retrying", atMs: Date.now() + waitMs, problem }
  connection.timer = window.setTimeout(connect, waitMs)
}

const followVisibility = (): void => {
  if (document.visibilityState === "visible") return connect()
  close()
  feed.value = { kind: "hidden" }
}

/** Begins; for as long as the page lives. */
export const start = (): void => {
  document.addEventListener("visibilitychange", followVisibility)
  setInterval(() => {
    nowMs.value = Date.now()
  }, 1_000)
  followVisibility()
}

/** Another token, at once. */
export const enterToken = (text: string): void => {
  token.value = text
  connect()
}

/** How the commands begin that do the same. */
export const command = computed(() => overview.value?.command ?? commandDefault)

export const isReadOnly = computed(() => overview.value?.readOnly ?? true)
