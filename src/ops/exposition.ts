/** A metric in Prometheus' text format: its HELP and TYPE, and its series with their values. */
interface Family {
  readonly heads: Map<"HELP" | "TYPE", string>
  readonly series: Map<string, number>
}

/**
 * Several expositions as one: each metric once, as the format asks. What several of them count is summed up; a gauge is
 * set in one of them only.
 */
export const mergeExpositions = (texts: ReadonlyArray<string>): string => {
  const families = new Map<string, Family>()
  for (const text of texts) {
    let name = ""
    for (const line of text.split("\n").filter((one) => one !== "")) {
      const head = /^# (HELP|TYPE) (\S+) /.exec(line)
      name = head?.[2] ?? name
      addLine(familyOf(families, name), line, head?.[1])
    }
  }
  return [...families.values()].flatMap(linesOf).join("")
}

const familyOf = (families: Map<string, Family>, name: string): Family => {
  const family = families.get(name) ?? { heads: new Map(), series: new Map() }
  families.set(name, family)
  return family
}

const addLine = ({ heads, series }: Family, line: string, head: string | undefined) => {
  if (head === "HELP" || head === "TYPE") return void heads.set(head, line)
  const at = line.lastIndexOf(" ")
  const name = line.slice(0, at)
  series.set(name, (series.get(name) ?? 0) + numberOf(line.slice(at + 1)))
}

const linesOf = ({ heads, series }: Family) => [
  ...[...heads.values()].map((line) => `${line}\n`),
  ...[...series].map(([name, value]) => `${name} ${textOf(value)}\n`)
]

const numberOf = (text: string) => Number(text.replace("Inf", "Infinity"))

const textOf = (value: number) => String(value).replace("Infinity", "+Inf").replace("-+", "-")
