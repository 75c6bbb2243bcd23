import type { Diagnosis } from "../../ops/Doctor.ts"
import { painted } from "./Table.ts"

const marks = {
  ok: { text: "ok     ", tone: "good" },
  warning: { text: "warning", tone: "warn" },
  failed: { text: "FAILED ", tone: "bad" }
} as const

/** Checks as lines, each that is not well with its remedy. Several that failed for one reason, such as a server that is away, are one line. */
export const textOf = ({ findings, healthy }: Diagnosis, canColor: boolean): string => {
  const reasons = Map.groupBy(findings, ({ detail, name, remedy, status }) =>
    status === "ok" ? name : `${status} ${detail} ${remedy}`
  )
  const rows = [...reasons.values()].flatMap(([first, ...rest]) =>
    first === undefined ? [] : [{ ...first, also: rest.map(({ name }) => name) }]
  )
  const width = Math.max(...rows.map(({ name }) => name.length))
  const indent = " ".repeat(width + 11)
  const lines = rows.flatMap(({ also, detail, name, remedy, status }) => [
    `${painted(marks[status].text, marks[status].tone, canColor)}  ${name.padEnd(width)}  ${detail}`,
    ...(also.length === 0 ? [] : [`${indent}so with ${also.join(", ")}`]),
    ...(remedy === "" ? [] : [`${indent}→ ${remedy}`])
  ])
  return [...lines, "", healthy ? "healthy" : "not healthy"].join("\n")
}
