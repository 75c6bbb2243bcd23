import { Effect } from "effect"
import type { Check, CheckResult } from "../pipeline/Check.ts"

/** A check and what it found. */
export interface Finding extends CheckResult {
  readonly name: string
}

/** What the doctor has to say. `healthy`: nothing failed; warnings do not count. */
export interface Diagnosis {
  readonly healthy: boolean
  readonly findings: ReadonlyArray<Finding>
}

/** Checks at the same time. */
const checksAtOnceMax = 4

/** Makes all checks, in the order given. */
export const diagnose = (checks: ReadonlyArray<Check>): Effect.Effect<Diagnosis> =>
  Effect.forEach(checks, ({ name, run }) => Effect.map(run, (result): Finding => ({ name, ...result })), {
    concurrency: checksAtOnceMax
  }).pipe(Effect.map((findings) => ({ healthy: findings.every(({ status }) => status !== "failed"), findings })))
