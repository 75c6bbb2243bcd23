import { useEffect, useRef, useState } from "preact/hooks"
import type { Answer, Problem } from "./api.ts"

/** What was asked for: nothing yet, something, or an older something and why there is no newer. */
export interface Resource<A> {
  readonly value: A | undefined
  readonly problem: Problem | undefined
  readonly isLoading: boolean
  readonly reload: () => void
}

interface State<A> {
  readonly name: string
  readonly value: A | undefined
  readonly problem: Problem | undefined
  readonly isLoading: boolean
}

/**
 * Asks once for each `name` (the empty one: not at all), and every so often while the tab is visible, and when `again` changes. An answer to an
 * earlier name is dropped; a failure keeps what is there.
 */
export const useResource = <A>(
  name: string,
  load: (signal: AbortSignal) => Promise<Answer<A>>,
  { again = 0, everyMs }: { readonly everyMs?: number; readonly again?: number } = {}
): Resource<A> => {
  const [state, set] = useState<State<A>>({ name, value: undefined, problem: undefined, isLoading: true })
  const [turn, setTurn] = useState(0)
  const loading = useRef(load)
  loading.current = load
  useEffect(() => {
    if (name === "") return
    const mine = new AbortController()
    const ask = async (): Promise<void> => {
      const answer = await loading.current(mine.signal)
      if (!mine.signal.aborted) set((before) => after(before, name, answer))
    }
    void ask()
    const timer = everyMs === undefined ? 0 : setInterval(() => document.hidden || void ask(), everyMs)
    return () => {
      mine.abort()
      clearInterval(timer)
    }
  }, [name, turn, again, everyMs])
  const own: State<A> = state.name === name ? state : { name, value: undefined, problem: undefined, isLoading: true }
  return { ...own, reload: () => setTurn((before) => before + 1) }
}

const after = <A>(before: State<A>, name: string, answer: Answer<A>): State<A> => ({
  name,
  value: answer.ok ? answer.value : before.name === name ? before.value : undefined,
  problem: answer.ok ? undefined : answer.problem,
  isLoading: false
})
