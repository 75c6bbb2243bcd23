import { Schema } from "effect"

// Ids travel through Postgres text (no NUL), NATS headers (percent-encoded) and URLs. Control characters and lone
// surrogates have no faithful form in all three, so they are refused here, once; everything else is welcome.
const isFaithfulText = Schema.makeFilter((text: string) =>
  text.trim().length === 0
    ? "must not be blank"
    : text === "." || text === ".."
      ? "must not be . or .., which vanish from addresses"
      : /\p{Cc}/u.test(text)
        ? "must not contain control characters"
        : text.isWellFormed()
          ? undefined
          : "must be well-formed Unicode"
)

const id = (maxChars: number) => Schema.String.check(Schema.isMaxLength(maxChars), isFaithfulText)

/** Longest order, user id or SKU, in UTF-16 code units. */
export const idMaxChars = 128

/** An order's id: the caller's own, or a UUIDv7 given by the service. 1 to 128 characters, any letters, no control characters. */
export const OrderId = id(idMaxChars).pipe(Schema.brand("OrderId"))
export type OrderId = typeof OrderId.Type

/** The customer's id. It is the ordering key: all events of one user are handled in the order of their commits. */
export const UserId = id(idMaxChars).pipe(Schema.brand("UserId"))
export type UserId = typeof UserId.Type

/** Stock keeping unit: what inventory is counted by. */
export const Sku = id(idMaxChars).pipe(Schema.brand("Sku"))
export type Sku = typeof Sku.Type

/** An e-mail address as far as a shop can judge it: something, an at sign, a host; nothing that could make two addresses of one. At most 254 characters (RFC 5321). */
export const Email = Schema.String.check(
  Schema.isMaxLength(254),
  Schema.isPattern(/^[^\s@<>"(),:;\\[\]\p{Cc}]+@[^\s@<>"(),:;\\[\]\p{Cc}]+$/u, {
    message: "must be an e-mail address such as ada@example.com"
  })
).pipe(Schema.brand("Email"))
export type Email = typeof Email.Type

/** A short line of text for people, such as a carrier's name: 1 to 128 characters, no control characters. */
export const ShortText = id(idMaxChars)
