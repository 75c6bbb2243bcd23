import { signal } from "@preact/signals"
import { useEffect, useRef, useState } from "preact/hooks"
import type { ParkedKeyBody } from "../OpsApi.ts"
import { get, type Problem } from "./api.ts"
import type { ParkedFilter } from "./parkedTwin.ts"
import { queryOf } from "./route.ts"

/** A parked key as it travels. */
export type ParkedKey = (typeof ParkedKeyBody)["Encoded"]

interface Page {
  readonly total: number
  readonly keys: ReadonlyArray<ParkedKey>
}

/** Keys that are fetched at a time, and kept at most: more is worked off by "all matching". */
const pageKeys = 100
export const keysShownMax = 2_000

const everyMs = 3_000

export const idOf = ({ handler, key }: { readonly handler: string; readonly key: string }): string =>
  `${handler}\n${key}`

/** What is looked at, out of the address. */
export const filterOf = (): ParkedFilter => {
  const age = Number(queryOf("older"))
  const status = queryOf("status")
  return {
    ...textOf("handler", queryOf("handler")),
    ...textOf("key", queryOf("key")),
    ...textOf("tag", queryOf("tag")),
    ...(age > 0 ? { olderThanSeconds: age } : {}),
    ...(status === "retrying" ? { status } : status === "any" ? {} : { status: "parked" })
  }
}

const textOf = (name: string, value: string): Readonly<Record<string, string>> =>
  value === "" ? {} : { [name]: value }

/** What is selected: keys by name, or all that match. */
export interface Selection {
  readonly ids: ReadonlySet<string>
  readonly isAll: boolean
}

export const noSelection: Selection = { ids: new Set(), isAll: false }

export const selection = signal(noSelection)

/** The oldest parked keys, page by page. */
export interface ParkedList {
  readonly page: Page | undefined
  /** Another one when somebody asked for what is there, which is then shown even where the pane holds. */
  readonly stamp: string
  readonly problem: Problem | undefined
  readonly isLoadingMore: boolean
  readonly more: () => void
  readonly reload: () => void
}

interface State {
  readonly name: string
  readonly page: Page | undefined
  readonly stamp: string
  readonly problem: Problem | undefined
}

const placeAfter = (last: ParkedKey | undefined): Readonly<Record<string, string>> =>
  last === undefined ? {} : { afterHandler: last.handler, afterKey: last.key, afterParkedAt: last.parkedAt }

const fetchPage = (filter: ParkedFilter, last: ParkedKey | undefined, limit: number, abort?: AbortSignal) =>
  get<Page>("parked", { ...filter, ...placeAfter(last), limit }, abort)

/** Bumped when something was done: lists ask anew. */
export const parkedTurn = signal(0)

export const useParkedList = (filter: ParkedFilter): ParkedList => {
  const name = JSON.stringify(filter)
  const [state, set] = useState<State>({ name, page: undefined, stamp: "", problem: undefined })
  const [isLoadingMore, setLoadingMore] = useState(false)
  const own: State = state.name === name ? state : { name, page: undefined, stamp: "", problem: undefined }
  const shown = useRef(own)
  shown.current = own
  const turn = parkedTurn.value
  useEffect(() => {
    const mine = new AbortController()
    const ask = async (): Promise<void> => {
      const limit = Math.min(1_000, Math.max(pageKeys, shown.current.page?.keys.length ?? 0))
      const answer = await fetchPage(filter, undefined, limit, mine.signal)
      if (mine.signal.aborted) return
      const stamp = `${name} ${turn}`
      set(
        answer.ok
          ? { name, page: answer.value, stamp, problem: undefined }
          : { ...shown.current, problem: answer.problem }
      )
    }
    void ask()
    // What was fetched page by page is not fetched again and again.
    const timer = setInterval(() => {
      if (!document.hidden && (shown.current.page?.keys.length ?? 0) <= pageKeys) void ask()
    }, everyMs)
    return () => {
      mine.abort()
      clearInterval(timer)
    }
  }, [name, turn])
  const more = async (): Promise<void> => {
    const before = shown.current.page
    if (before === undefined) return
    setLoadingMore(true)
    const answer = await fetchPage(filter, before.keys.at(-1), pageKeys)
    setLoadingMore(false)
    if (shown.current.name !== name) return
    if (answer.ok) {
      const keys = joined(before.keys, answer.value.keys)
      set({
        name,
        problem: undefined,
        stamp: `${name} ${turn} ${keys.length}`,
        page: { total: answer.value.total, keys }
      })
    } else set({ ...shown.current, problem: answer.problem })
  }
  return {
    page: own.page,
    stamp: own.stamp,
    problem: own.problem,
    isLoadingMore,
    more: () => void more(),
    reload: () => (parkedTurn.value += 1)
  }
}

const joined = (before: ReadonlyArray<ParkedKey>, after: ReadonlyArray<ParkedKey>): ReadonlyArray<ParkedKey> => [
  ...new Map([...before, ...after].map((one) => [idOf(one), one])).values()
]

/** Those of a key beside each other, each key where its oldest is. */
export const groupsOf = (
  keys: ReadonlyArray<ParkedKey>
): ReadonlyArray<readonly [string, ReadonlyArray<ParkedKey>]> => [...Map.groupBy(keys, ({ key }) => key)]
