import type { Diagnosis } from "../../ops/Doctor.ts"
import { painted } from "./Table.ts"

const marks = {
  ok: { text: "ok     ", tone: "good" },
  warning: { text: "warning", tone: "warn" },
  failed: { text: "FAILED ", tone: "bad" }
} as const

/** Checks as lines, each that is not well with its remedy. */
export const textOf = ({ findings, healthy }: Diagnosis, canColor: boolean): string => {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const lines = findings.flatMap(({ detail, name, remedy, status }) => [
    `${painted(marks[status].text, marks[status].tone, canColor)}  ${name.padEnd(width)}  ${detail}`,
    ...(remedy === "" ? [] : [`${" ".repeat(width + 11)}→ ${remedy}`])
  ])
  return [...lines, "", healthy ? "healthy" : "not healthy"].join("\n")
}
