import { Effect } from "effect"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import type { BrokerRefused, BrokerUnavailable } from "../pipeline/PipelineError.ts"
import { StreamView } from "../pipeline/StreamView.ts"
import type { EventSource } from "./corpusSample.ts"

/** The broker as a source of samples: 20,000 events at each end of the stream, a thousand at a time. */
export const streamSource = <Events extends EventSchemas>(
  { name, subject }: EventStream<Events>,
  partitions: number
): Effect.Effect<EventSource<BrokerRefused | BrokerUnavailable>, never, StreamView> =>
  Effect.map(StreamView, ({ read, stats }) => ({
    searchedMax: 20_000,
    readAtOnceMax: 1_000,
    bounds: stats(name),
    read: (fromSeq, eventsMax) => read({ name, subject, partitions }, { fromSeq, eventsMax, payloads: true })
  }))
