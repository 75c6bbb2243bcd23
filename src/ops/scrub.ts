import { Predicate } from "effect"

/** What stands for a value that is not to be kept: of the same shape, so that most Schemas still read it. */
export const scrub = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(scrub)
  if (Predicate.isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, scrub(inner)]))
  if (Predicate.isNumber(value)) return Number.isInteger(value) ? 1 : 0.5
  if (Predicate.isBoolean(value)) return false
  return Predicate.isString(value) ? scrubText(value) : value
}

/** The same at a path only, such as `email` or `items.*.sku`, where `*` is any name or place. */
export const scrubAt = (value: unknown, path: ReadonlyArray<string>): unknown => {
  const [step, ...rest] = path
  if (step === undefined) return scrub(value)
  const isHere = (name: string | number) => step === "*" || step === String(name)
  if (Array.isArray(value)) return value.map((one: unknown, i) => (isHere(i) ? scrubAt(one, rest) : one))
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isHere(name) ? scrubAt(inner, rest) : inner])
  )
}

const scrubText = (text: string) => {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return "00000000-0000-7000-8000-000000000000"
  if (/^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(text)) return "2000-01-01T00:00:00.000Z"
  return text
    .replaceAll(/\p{Lu}/gu, "X")
    .replaceAll(/\p{L}/gu, (letter) => (letter === "X" ? "X" : "x"))
    .replaceAll(/\p{N}/gu, "0")
}
