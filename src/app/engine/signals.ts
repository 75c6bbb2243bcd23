import { Effect, Layer } from "effect"
import { Measures } from "../../ops/Measures.ts"
import { noteMetrics } from "../../ops/SignalMetrics.ts"
import { SelfReport } from "../../pipeline/SelfReport.ts"
import { logSignal, SignalSink } from "../../pipeline/Signals.ts"

/** Where everything goes that the engine has to say: to the log, into the metrics, and into what this instance reports of itself. */
export const signalsLayer = Layer.unwrap(
  Effect.sync(() => {
    const measures = new Measures()
    return Layer.mergeAll(
      Layer.succeed(SignalSink, (signal) =>
        Effect.andThen(logSignal(signal), Effect.andThen(noteMetrics(signal), measures.noted(signal)))
      ),
      Layer.succeed(SelfReport, (status) => measures.report(status))
    )
  })
)
