import { Predicate } from "effect"
import { HttpClientError } from "effect/http"
import { commandDefault } from "../../ops/cliTwin.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"

/** A failed call in words: what happened, why, and what to do next. */
export const commandFailed =
  (url: string, command: string) =>
  (error: unknown): CommandFailed => {
    if (error instanceof HttpClientError.HttpClientError)
      return new CommandFailed({ message: unreachable(url, command, error), code: exitCode.failure })
    const title = Predicate.hasProperty(error, "title")
      ? String(error.title)
      : error instanceof Error
        ? error.message
        : String(error)
    const detail = Predicate.hasProperty(error, "detail") && Predicate.isString(error.detail) ? `: ${error.detail}` : ""
    const message = [`${title}${detail}`, ...fieldsOf(error)].join("\n")
    return new CommandFailed({ message, code: exitCode.failure })
  }

const unreachable = (url: string, command: string, error: HttpClientError.HttpClientError) => {
  if (error.reason._tag === "TransportError")
    return `no pipeline answers at ${url}; ${startOf(command)}, or name its address with --url or MILLRACE_URL`
  const status = Predicate.hasProperty(error.reason, "response") ? statusOf(error.reason.response) : undefined
  if (status === 401) return `the pipeline at ${url} wants its OPS_TOKEN; give it with --token or OPS_TOKEN`
  if (status === 403)
    return `the pipeline at ${url} is operated from its own machine only; start it with OPS_TOKEN to let others in`
  return `the pipeline at ${url} gave an answer that does not fit: ${error.message}`
}

/** The package's own command starts none: what it asks is part of an application. */
const startOf = (command: string) =>
  command === commandDefault ? "start the application that it is part of" : `start one with \`${command} pipeline\``

const statusOf = (response: unknown) => (Predicate.hasProperty(response, "status") ? response.status : undefined)

const fieldsOf = (error: unknown): ReadonlyArray<string> =>
  Predicate.hasProperty(error, "errors") && Array.isArray(error.errors)
    ? error.errors.map(
        (issue: { readonly path: ReadonlyArray<string | number>; readonly message: string }) =>
          `  ${issue.path.join(".")}: ${issue.message}`
      )
    : []
