import { createHash } from "node:crypto"

/** SHA-256 over the operation and its decoded body, keys sorted: equal for requests that ask for the same. */
export const fingerprintOf = (operation: string, payload: unknown): string =>
  createHash("sha256")
    .update(`${operation}\n${JSON.stringify(payload, sortKeys)}`)
    .digest("hex")

const sortKeys = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value
