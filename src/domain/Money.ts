import { Schema } from "effect"

// What the runtime's own ICU data knows as ISO 4217, so that no list has to be kept here.
const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"))

/** ISO 4217 code in capitals, such as `EUR`. */
export const Currency = Schema.String.check(
  Schema.makeFilter((code: string) =>
    currencies.has(code) ? undefined : "must be an ISO 4217 currency code such as EUR"
  )
).pipe(Schema.brand("Currency"))
export type Currency = typeof Currency.Type

/** Most one unit may cost, in minor units. With at most 100 items of 10,000 units a total stays a safe integer. */
export const unitPriceMaxMinor = 1_000_000_000

/** An amount in minor units (cents for EUR, yen for JPY): a whole number, never negative. */
export const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** What one unit costs, in minor units: 0 to 1,000,000,000. */
export const UnitPrice = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: unitPriceMaxMinor }))

/** An amount and the currency it is in. */
export const Money = Schema.Struct({ amount: Amount, currency: Currency })
export type Money = typeof Money.Type
