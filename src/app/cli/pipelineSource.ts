import { Effect } from "effect"
import type { EventSource } from "../../ops/corpusSample.ts"
import type { CommandFailed } from "./exitCodes.ts"
import { asking, type OpsOptions } from "./opsFlags.ts"

/** How much is read at each end: a pipeline is asked event by event. */
const ofPipeline = { searchedMax: 1_000, readAtOnceMax: 100 }

const askedAtOnceMax = 8

/** A running pipeline as a source of samples, through its operations. */
export const pipelineSource = (options: OpsOptions): EventSource<CommandFailed> => ({
  ...ofPipeline,
  bounds: asking(options, (ops) => ops.overview.overview()).pipe(Effect.map(({ broker }) => broker)),
  read: (fromSeq, eventsMax) =>
    asking(options, (ops) =>
      Effect.forEach(
        Array.from({ length: eventsMax }, (_, i) => fromSeq + i),
        (seq) =>
          ops.trace.event({ params: { seq } }).pipe(
            Effect.map((event) => [event]),
            Effect.catchTag("NotFoundProblem", () => Effect.succeed([]))
          ),
        { concurrency: askedAtOnceMax }
      )
    ).pipe(Effect.map((events) => events.flat()))
})
