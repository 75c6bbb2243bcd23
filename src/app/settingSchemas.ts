import { Schema, SchemaTransformation } from "effect"

/** A whole number, written as text. */
export const whole = (minimum: number, maximum: number) =>
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))

/** `true` or `false`. */
export const yesOrNo = Schema.Literals(["true", "false"]).pipe(
  Schema.decodeTo(
    Schema.Boolean,
    SchemaTransformation.transform({
      decode: (word): boolean => word === "true",
      encode: (value) => (value ? ("true" as const) : ("false" as const))
    })
  )
)

/** Not empty. */
export const text = Schema.String.check(Schema.isMinLength(1))

/** A schema of Postgres that has no need of quotes, which is what the library takes. */
export const schemaName = text.check(
  Schema.makeFilter((value: string) =>
    /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(value)
      ? undefined
      : "must be lower-case letters, digits and _, at most 63, begin with a letter or _, and not with pg_"
  )
)

// An empty variable counts as one that is not set. What is wrong with an address is said without showing it.
export const address = (protocols: ReadonlyArray<string>, form: string) => {
  const isAddress = (value: string) => URL.canParse(value) && protocols.includes(new URL(value).protocol)
  const check = Schema.makeFilter((value: string) =>
    value.split(",").every(isAddress) ? undefined : `must have the form ${form}`
  )
  return Schema.OptionFromOptionalKey(Schema.RedactedFromValue(text.check(check)))
}

/** `name=value,name=value`: what is wrong with it is said without showing it. */
export const headerList = text.check(
  Schema.makeFilter((value: string) =>
    value.split(",").every((one) => /^\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+\s*=[\x20-\x7E]*$/.test(one))
      ? undefined
      : "must have the form name=value, several separated by commas"
  )
)

/** The headers of such a list. */
export const headersIn = (list: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    list.split(",").map((one) => [one.slice(0, one.indexOf("=")).trim(), one.slice(one.indexOf("=") + 1).trim()])
  )

/** What a process may be started for. */
export const roleNames = ["api", "relay", "worker", "ops"] as const

/** Some of them, separated by commas. */
export const roles = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Array(Schema.String),
    SchemaTransformation.transform({
      decode: (list): ReadonlyArray<string> => list.split(",").map((role) => role.trim()),
      encode: (list: ReadonlyArray<string>) => list.join(",")
    })
  ),
  Schema.check(
    Schema.makeFilter((list: ReadonlyArray<string>) =>
      list.every((role) => roleNames.some((name) => name === role))
        ? undefined
        : `must be some of ${roleNames.join(", ")}, separated by commas`
    )
  )
)
