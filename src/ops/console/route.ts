import { signal } from "@preact/signals"

/** The views, in the order of the navigation. */
export const sections = ["overview", "trace", "tail", "parked", "instances", "alerts", "activity"] as const
export type Section = (typeof sections)[number]

/** What stays when another view is opened: the filter by handler, and the open charts. */
const kept = ["handler", "chart", "span"]

export type Query = Readonly<Record<string, string>>
export type Changes = Readonly<Record<string, string | undefined>>

export interface Route {
  readonly section: Section
  readonly query: Query
}

const read = (hash: string): Route => {
  const [path, search] = hash.replace(/^#\/?/, "").split("?")
  return {
    section: sections.find((one) => one === path) ?? "overview",
    query: Object.fromEntries(new URLSearchParams(search ?? ""))
  }
}

/** Everything that is visible is in the address. */
export const route = signal(read(location.hash))

addEventListener("hashchange", () => {
  route.value = read(location.hash)
})

export const queryOf = (name: string): string => route.value.query[name] ?? ""

/** Address of a view; of the present query it keeps the filter and the charts. */
export const hrefOf = (section: Section, changes: Changes = {}): string => {
  const before = Object.entries(route.value.query).filter(([name]) => kept.includes(name))
  return written(section, { ...Object.fromEntries(before), ...changes })
}

const written = (section: Section, query: Changes): string => {
  const set = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, value]]
  )
  const search = new URLSearchParams(set).toString()
  return `#/${section === "overview" ? "" : section}${search === "" ? "" : `?${search}`}`
}

export const go = (section: Section, changes: Changes = {}): void => {
  location.hash = hrefOf(section, changes)
}

/** Changes the query of the present view: a step back leads to what was before. */
export const change = (changes: Changes): void => {
  location.hash = written(route.value.section, { ...route.value.query, ...changes })
}

/** The same without a step of its own, for what changes with every key typed. */
export const replace = (changes: Changes): void => {
  history.replaceState(null, "", written(route.value.section, { ...route.value.query, ...changes }))
  route.value = read(location.hash)
}

/** Two names in one parameter. */
export const pairOf = (first: string, second: string | number): string =>
  `${encodeURIComponent(first)}/${encodeURIComponent(second)}`

export const pairIn = (text: string): readonly [string, string] | undefined => {
  const [first, second] = text.split("/")
  return first === undefined || second === undefined
    ? undefined
    : [decodeURIComponent(first), decodeURIComponent(second)]
}
