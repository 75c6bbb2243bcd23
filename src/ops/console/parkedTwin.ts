/** How the same is done by the command line: shown with every act, to be pasted into a terminal or a runbook. */
import { command } from "./feed.ts"

const safe = /^[\w@%+=:,./-]+$/

const quoted = (text: string): string => (safe.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

const flag = (name: string, value: string | number | undefined): ReadonlyArray<string> =>
  value === undefined || value === "" ? [] : [`--${name}`, quoted(String(value))]

export interface ParkedFilter {
  readonly handler?: string
  readonly key?: string
  readonly tag?: string
  readonly status?: "parked" | "retrying"
  readonly olderThanSeconds?: number
}

const filterFlags = (filter: ParkedFilter): ReadonlyArray<string> => {
  const flags = [
    ...flag("handler", filter.handler),
    ...flag("key", filter.key),
    ...flag("tag", filter.tag),
    ...flag("older-than", filter.olderThanSeconds)
  ]
  return flags.length === 0 ? ["--all"] : flags
}

export const parkedTwin = (act: string, filter: ParkedFilter, why = "", rate?: number): string =>
  [command.value, "parked", act, ...filterFlags(filter), ...flag("rate", rate), ...flag("why", why)].join(" ")

export const showTwin = (handler: string, key: string): string =>
  [command.value, "parked", "show", quoted(handler), quoted(key)].join(" ")

export const editTwin = (handler: string, key: string, version: number, why: string): string =>
  [
    command.value,
    "parked",
    "edit",
    quoted(handler),
    quoted(key),
    version,
    "--payload",
    "'…'",
    ...flag("why", why)
  ].join(" ")

export const traceTwin = (name: string): string => `${command.value} explain ${quoted(name)}`

export const tailTwin = (filter: Readonly<Record<"type" | "key" | "partition" | "outcome", string>>): string =>
  [command.value, "tail", ...Object.entries(filter).flatMap(([name, value]) => flag(name, value))].join(" ")
