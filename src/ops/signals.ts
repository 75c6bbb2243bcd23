import { Effect, Layer } from "effect"
import { Measures } from "./Measures.ts"
import { noteMetrics } from "./SignalMetrics.ts"
import { SelfReport } from "../pipeline/SelfReport.ts"
import { logSignal, SignalSink } from "../pipeline/Signals.ts"

/**
 * Where everything goes that an engine has to say: to the log, into the metrics, and into what this instance reports of itself.
 * Provide it to each pipeline; without it the operations surface knows only what is stored.
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Pipeline } from "millrace"
 * import * as Ops from "millrace/ops"
 * import { Accounts, handlers } from "./accounts.ts"
 *
 * const pipeline = Pipeline.layer(Accounts, handlers).pipe(Layer.provide(Ops.signals))
 * ```
 */
export const signals = Layer.unwrap(
  Effect.sync(() => {
    const measures = new Measures()
    return Layer.mergeAll(
      Layer.succeed(SignalSink, (signal) =>
        Effect.andThen(logSignal(signal), Effect.andThen(noteMetrics(signal), measures.noted(signal)))
      ),
      Layer.succeed(SelfReport, (status) => measures.report(status))
    )
  })
).pipe(Layer.fresh)
