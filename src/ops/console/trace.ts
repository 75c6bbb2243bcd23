import type { HandledBody, TraceBody } from "../TraceApi.ts"
import type { IconName } from "./Icon.tsx"

export const handledIcons: Readonly<Record<HandledBody["state"], IconName>> = {
  handled: "check",
  passed: "idle",
  waiting: "clock",
  retrying: "retry",
  parked: "alert",
  behind: "pause",
  discarded: "cross"
}

/** Handlers that have had to do with any of the events, in the order in which they come. */
export const lanesOf = ({ events }: TraceBody): ReadonlyArray<string> => [
  ...new Set(events.flatMap(({ handlers }) => handlers.map(({ handler }) => handler)))
]
