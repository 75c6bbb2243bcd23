import { Context, type Effect, type Stream } from "effect"
import type { HistoryBody, OverviewBody, PartitionBody } from "./OverviewApi.ts"

/**
 * What is seen of a running pipeline, of all its instances, read from the stores. Read once a second while somebody
 * watches, every ten seconds otherwise; everybody who looks at the same time sees the same.
 */
export class Overview extends Context.Service<
  Overview,
  {
    /** At most a second old. Never fails: what cannot be read is as it was, and named in `stale`. */
    readonly current: Effect.Effect<OverviewBody>
    /** The present one, and then whenever there is a newer one: at most two a second. */
    readonly frames: Stream.Stream<OverviewBody>
    /** What was measured in the last minutes. */
    readonly history: (minutes: number) => Effect.Effect<HistoryBody>
    /** One partition closely; undefined: there is no such handler or partition. */
    readonly partition: (handler: string, partition: number) => Effect.Effect<PartitionBody | undefined>
  }
>()("millrace/ops/Overview") {}
