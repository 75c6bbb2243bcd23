import { Predicate } from "effect"

/** The first words anybody said about it: some errors only carry their cause. */
export const reasonOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "code") && error.code === "EADDRINUSE") {
    return `${error instanceof Error ? error.message : "the port is taken"}; choose another with --port, or 0 for a free one`
  }
  if (error instanceof Error && error.message !== "") return error.message
  return Predicate.hasProperty(error, "cause") ? reasonOf(error.cause) : String(error)
}
