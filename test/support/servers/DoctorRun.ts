/** The doctor as a user runs it, and what it says. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type Environment, runApp } from "./AppProcess.ts"
import { at } from "./Http.ts"
import { freePort } from "./TestServers.ts"

/** What one check found. */
interface Found {
  readonly name: string
  readonly status: string
  readonly detail: string
  readonly remedy: string
}

/** The findings by name. */
export const findingsIn = (diagnosis: unknown): ReadonlyMap<string, Found> => {
  const findings = at(diagnosis, "findings")
  const text = (finding: unknown, field: string) => String(at(finding, field))
  return new Map(
    (Array.isArray(findings) ? findings : []).map((one) => [
      text(one, "name"),
      { name: text(one, "name"), status: text(one, "status"), detail: text(one, "detail"), remedy: text(one, "remedy") }
    ])
  )
}

/** What the command finds; where no pipeline runs unless it is named. */
export const doctor = Effect.fnUntraced(function* (environment: Environment, args: ReadonlyArray<string> = []) {
  const MILLRACE_URL = `http://127.0.0.1:${yield* freePort}`
  const { code, stderr, stdout } = yield* runApp(["doctor", "-o", "json", ...args], {
    PORT: "0",
    MILLRACE_URL,
    ...environment
  })
  assert.strictEqual(stderr, "")
  return { code, found: findingsIn(JSON.parse(stdout)) }
})

/** One of them, as it has to be. */
export const expectIn = (
  found: ReadonlyMap<string, Found>,
  name: string,
  status: string,
  detail: RegExp,
  remedy: RegExp
) => {
  const finding = found.get(name)
  assert.isDefined(finding, `${name} of ${[...found.keys()].join(", ")}`)
  assert.strictEqual(finding?.status, status, JSON.stringify(finding))
  assert.match(finding?.detail ?? "", detail)
  assert.match(finding?.remedy ?? "", remedy)
}
