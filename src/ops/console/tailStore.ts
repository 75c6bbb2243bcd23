import { useEffect, useState } from "preact/hooks"
import type { TailEventBody } from "../TraceApi.ts"
import { get, type Problem } from "./api.ts"

/** Rows that are kept, the newest. */
const rowsMax = 500

const everyMs = 1_000

interface TailAnswer {
  readonly lastSeq: number
  readonly events: ReadonlyArray<TailEventBody>
}

export interface TailFilter {
  readonly type: string
  readonly key: string
  readonly partition: string
  readonly outcome: string
}

export interface Tail {
  readonly events: ReadonlyArray<TailEventBody> | undefined
  readonly problem: Problem | undefined
}

/**
 * The newest events, and once a second what has come since, for as long as the page is looked at. What came of them comes after
 * them: by outcome, all of the newest are asked for anew.
 */
export const useTail = (filter: TailFilter): Tail => {
  const [tail, set] = useState<Tail>({ events: undefined, problem: undefined })
  const { key, outcome, partition, type } = filter
  useEffect(() => {
    const mine = new AbortController()
    const place = { afterSeq: 0 }
    set({ events: undefined, problem: undefined })
    const ask = async (): Promise<void> => {
      const afterSeq = place.afterSeq === 0 || outcome !== "" ? undefined : place.afterSeq
      const query = { type, key, partition, outcome, afterSeq, limit: rowsMax }
      const answer = await get<TailAnswer>("tail", query, mine.signal)
      if (mine.signal.aborted) return
      if (answer.ok) place.afterSeq = Math.max(place.afterSeq, answer.value.lastSeq)
      set((before) =>
        answer.ok
          ? {
              events: outcome === "" ? merged(answer.value.events, before.events ?? []) : answer.value.events,
              problem: undefined
            }
          : { ...before, problem: answer.problem }
      )
    }
    const repeat = async (): Promise<void> => {
      if (!document.hidden) await ask()
      if (!mine.signal.aborted) setTimeout(() => void repeat(), everyMs)
    }
    void repeat()
    return () => mine.abort()
  }, [type, key, partition, outcome])
  return tail
}

const merged = (
  newer: ReadonlyArray<TailEventBody>,
  older: ReadonlyArray<TailEventBody>
): ReadonlyArray<TailEventBody> => {
  const newest = older[0]?.seq ?? 0
  return [...newer.filter(({ seq }) => seq > newest), ...older].slice(0, rowsMax)
}
