import { signal } from "@preact/signals"
import type { ActAnswer, ActBody } from "../OpsApi.ts"
import { type Answer, post, type Problem } from "./api.ts"
import type { ParkedFilter } from "./parkedTwin.ts"
import { actor } from "./control.ts"
import { type ParkedKey, parkedTurn } from "./parkedStore.ts"
import { announce } from "./Said.tsx"

export type ActName = ActBody["act"]

/** What is meant by an act: keys by name, or all that match. */
export type Target =
  | { readonly kind: "keys"; readonly keys: ReadonlyArray<ParkedKey> }
  | { readonly kind: "matching"; readonly filter: ParkedFilter; readonly total: number }

/** Keys that one request acts on: between two of them it can be stopped. */
export const portionMax = 500

interface Wish {
  readonly act: ActName
  readonly target: Target
  readonly why: string
  readonly ratePerSecond: number
}

/** An act under way. What is done is done, and what is not is untouched: each portion is a transaction of the server. */
export interface Job extends Wish {
  readonly state: "running" | "done" | "cancelled" | "failed"
  readonly total: number
  readonly tried: number
  readonly done: number
  readonly problem: Problem | undefined
}

export const job = signal<Job | undefined>(undefined)

export const countOf = (target: Target): number => (target.kind === "keys" ? target.keys.length : target.total)

const bodyOf = (wish: Wish, filter: ParkedFilter, limit: number, dryRun: boolean): ActBody => ({
  act: wish.act,
  filter,
  limit,
  dryRun,
  ...(wish.act === "replay" ? { ratePerSecond: wish.ratePerSecond } : {}),
  actor: actor.value,
  why: wish.why
})

const send = (
  wish: Wish,
  filter: ParkedFilter,
  limit: number,
  dryRun = false
): Promise<Answer<typeof ActAnswer.Type>> => post("parked/act", bodyOf(wish, filter, limit, dryRun))

/** What would be done; nothing is. */
export const preview = (act: ActName, filter: ParkedFilter): Promise<Answer<typeof ActAnswer.Type>> =>
  send({ act, target: { kind: "keys", keys: [] }, why: "preview", ratePerSecond: 100 }, filter, portionMax, true)

/** A request at a time: the filter, and how many keys it may take. */
function* portions(target: Target, left: () => number): Generator<readonly [ParkedFilter, number]> {
  if (target.kind === "keys") for (const { handler, key } of target.keys) yield [{ handler, key }, 1]
  else while (left() > 0) yield [target.filter, Math.min(portionMax, left())]
}

/** Stops before the next portion. */
export const cancel = (): void => {
  if (job.value?.state === "running") job.value = { ...job.value, state: "cancelled" }
}

const isRunning = (): boolean => job.value?.state === "running"

export const run = async (wish: Wish): Promise<void> => {
  const total = countOf(wish.target)
  job.value = { ...wish, state: "running", total, tried: 0, done: 0, problem: undefined }
  for (const [filter, limit] of portions(wish.target, () => total - (job.value?.tried ?? total))) {
    if (!isRunning()) break
    advance(await send(wish, filter, limit), limit)
  }
  if (job.value !== undefined && isRunning()) job.value = { ...job.value, state: "done" }
  announce(`${wish.act}: ${job.value?.done ?? 0} of ${total} keys`)
  parkedTurn.value += 1
}

const advance = (answer: Answer<typeof ActAnswer.Type>, limit: number): void => {
  if (job.value === undefined) return
  if (!answer.ok) {
    job.value = { ...job.value, state: "failed", problem: answer.problem }
    return
  }
  const { done, matched } = answer.value
  // When fewer match than were asked for, the rest was done by somebody else.
  const tried = matched < limit ? (limit === 1 ? 1 : job.value.total - job.value.tried) : limit
  job.value = { ...job.value, done: job.value.done + done, tried: job.value.tried + tried }
}
