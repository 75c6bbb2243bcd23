import { Effect } from "effect"

/** What a check found. A warning works today and will hurt later. */
export interface CheckResult {
  readonly status: "ok" | "warning" | "failed"
  readonly detail: string
  /** What to do about it; empty when it is ok. */
  readonly remedy: string
}

/** A named check. It never fails: a check that cannot be made has failed, and says so. */
export interface Check {
  readonly name: string
  readonly run: Effect.Effect<CheckResult>
}

/** All is well. */
export const ok = (detail: string): CheckResult => ({ status: "ok", detail, remedy: "" })

/** It works, but should be mended. */
export const warning = (detail: string, remedy: string): CheckResult => ({ status: "warning", detail, remedy })

/** It does not work. */
export const failed = (detail: string, remedy: string): CheckResult => ({ status: "failed", detail, remedy })

/** How long one check may take. */
const checkMax = "15 seconds"

/** A check that turns its errors into a failed result with this remedy. */
export const check = <E>(name: string, remedy: string, run: Effect.Effect<CheckResult, E>): Check => ({
  name,
  run: run.pipe(
    Effect.timeout(checkMax),
    Effect.catch((error) => Effect.succeed(failed(error instanceof Error ? error.message : String(error), remedy))),
    Effect.catchDefect((defect) => Effect.succeed(failed(String(defect), remedy)))
  )
})
