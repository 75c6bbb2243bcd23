/** `audit` as a user runs it. */
import { Effect, Schema } from "effect"
import { AuditBody } from "../../../src/app/cli/runningAudit.ts"
import { type Environment, runApp } from "./AppProcess.ts"
import { eventually } from "./Eventually.ts"

/** What it says, and how it exits. */
export const auditOf = Effect.fnUntraced(function* (environment: Environment, args: ReadonlyArray<string> = []) {
  const run = yield* runApp(["audit", "-o", "json", ...args], environment)
  const report = yield* Effect.orDie(Schema.decodeEffect(Schema.fromJsonString(AuditBody))(run.stdout))
  return { code: run.code, report }
})

/** Until nothing waits or is in flight; dies at once when it does not add up. Returns how many events that were. */
export const settledAudit = Effect.fnUntraced(function* (environment: Environment) {
  let committed = 0
  yield* eventually(
    "an audit with nothing on its way",
    Effect.gen(function* () {
      const { code, report } = yield* auditOf(environment)
      if (code !== 0) return yield* Effect.die(new Error(JSON.stringify(report.faults)))
      committed = report.committed
      const isBalanced = report.handlers.every(
        ({ discarded, handled, inFlight, parked }) => handled + parked + discarded + inFlight === report.published
      )
      if (!isBalanced || report.committed !== report.published + report.waiting)
        return yield* Effect.die(new Error(JSON.stringify(report)))
      return report.waiting + report.again === 0 && report.handlers.every(({ inFlight }) => inFlight === 0)
    }),
    30
  )
  return committed
})
