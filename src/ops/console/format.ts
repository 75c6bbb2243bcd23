/** Numbers and times for people. Short enough for a cell, never rounded so far that a change cannot be seen. */

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })
const whole = new Intl.NumberFormat("en")

/** `1,234`. */
export const count = (value: number): string => (value < 0 ? "–" : whole.format(value))

/** `1.2K`, in at most five characters. */
export const short = (value: number): string =>
  value < 0 ? "–" : value < 1_000 ? String(Math.round(value)) : compact.format(value)

/** `0.4`, `12`, `1.2K` a second. */
export const rate = (value: number): string => {
  if (value < 0) return "–"
  if (value === 0) return "0"
  return value < 10 ? value.toFixed(1) : short(value)
}

const units: ReadonlyArray<readonly [string, number]> = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000]
]

/** `850 ms`, `4.2 s`, `3 m 12 s`, `2 d 4 h`. */
export const duration = (ms: number): string => {
  if (ms < 0) return "–"
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const at = units.findIndex(([, size]) => ms >= size)
  const [big, bigMs] = units[at] ?? ["s", 1_000]
  const [small, smallMs] = units[at + 1] ?? ["ms", 1]
  const rest = Math.floor((ms % bigMs) / smallMs)
  return `${Math.floor(ms / bigMs)} ${big}${rest === 0 ? "" : ` ${rest} ${small}`}`
}

/** `<1s`, `12s`, `3m`, `2h`: for a cell. */
export const durationShort = (ms: number): string => {
  if (ms <= 0) return ms < 0 ? "–" : "0"
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ["s", 0]
  return size === 0 ? "<1s" : `${Math.floor(ms / size)}${unit}`
}

/** `240`, `1.9s`: milliseconds for a cell. */
export const msShort = (ms: number): string => {
  if (ms < 0) return "–"
  return ms < 1_000 ? String(Math.round(ms)) : ms < 10_000 ? `${(ms / 1_000).toFixed(1)}s` : durationShort(ms)
}

export const bytes = (value: number): string => {
  if (value < 1_024) return `${value} B`
  const [unit, size] = [["GiB", 1_073_741_824] as const, ["MiB", 1_048_576] as const, ["KiB", 1_024] as const].find(
    ([, size]) => value >= size
  ) ?? ["B", 1]
  const scaled = value / size
  return `${scaled.toFixed(scaled < 10 ? 1 : 0)} ${unit}`
}

const clockOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })

/** `14:03:07`, by the clock of whoever looks. */
export const clock = (atMs: number): string => clockOf.format(atMs)

/** `2026-11-22 14:03:07.120 UTC`: the absolute time that a hover shows. */
export const absolute = (atMs: number): string => new Date(atMs).toISOString().replace("T", " ").replace("Z", " UTC")

/** `3 m ago`. */
export const ago = (atMs: number, nowMs: number): string => {
  const ms = nowMs - atMs
  return ms < 1_000 ? "now" : `${duration(ms).replace(/\.\d s$/, " s")} ago`
}

export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

/** The last part of an instance's id: the others of a UUID are much alike. */
export const shortId = (id: string): string => (/^[\da-f]{8}(-[\da-f]{4}){3}-/.test(id) ? id.slice(-12) : id)
