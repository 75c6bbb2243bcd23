import { Clock, Duration, Effect, Latch, Layer, PubSub, Semaphore, Stream } from "effect"
import type { LogDeclaration } from "../pipeline/EventLog.ts"
import type { PipelineView } from "../pipeline/PipelineView.ts"
import type { StreamView } from "../pipeline/StreamView.ts"
import { AlertBoard } from "./AlertBoard.ts"
import { Overview } from "./Overview.ts"
import type { OverviewBody } from "./OverviewApi.ts"
import { OverviewHistory } from "./OverviewHistory.ts"
import { overviewOf, type Surroundings, withAlerts } from "./overviewOf.ts"
import { partitionBodyOf } from "./partitionBody.ts"
import { Samples } from "./Sample.ts"
import { takeSample } from "./takeSample.ts"

/** How often the stores are read while somebody watches, and otherwise. */
const watchedEvery = Duration.seconds(1)
const unwatchedEvery = Duration.seconds(10)

/** Somebody who asked is taken to watch for so long. */
const askedMs = 5_000

/** A picture that is not older is good enough for anybody. */
const freshMs = 900

/** What an overview is of. */
export interface OverviewOptions extends Omit<Surroundings, "stream" | "outboxRowsMax"> {
  readonly declaration: LogDeclaration
}

/** Rows of the outbox that are counted. */
const outboxRowsMax = 100_000

/** Reads the stores for all who look: one reading, however many there are. */
export const layer = (options: OverviewOptions): Layer.Layer<Overview, never, PipelineView | StreamView> =>
  Layer.effect(
    Overview,
    Effect.gen(function* () {
      const services = yield* Effect.context<PipelineView | StreamView>()
      const { declaration } = options
      const about: Surroundings = { ...options, stream: declaration.name, outboxRowsMax }
      const samples = new Samples()
      const history = new OverviewHistory()
      const board = new AlertBoard()
      const turn = yield* Semaphore.make(1)
      const wanted = yield* Latch.make(false)
      const news = yield* PubSub.sliding<OverviewBody>(1)
      const watch = { watchers: 0, askedAtMs: 0 }
      let body: OverviewBody | undefined

      const look = Effect.gen(function* () {
        const sample = yield* takeSample(declaration, samples.last, outboxRowsMax)
        samples.add(sample)
        const seen = overviewOf(samples, sample, about)
        const fresh = withAlerts(seen, board.judge(seen, sample))
        body = fresh
        history.add(fresh)
        yield* PubSub.publish(news, fresh)
        return fresh
      }).pipe(Effect.provideContext(services))

      const isFresh = Effect.map(Clock.currentTimeMillis, (nowMs) => body !== undefined && nowMs - body.atMs < freshMs)
      const fresh = turn.withPermit(
        Effect.flatMap(isFresh, (isIt) => (isIt && body !== undefined ? Effect.succeed(body) : look))
      )
      const current = Effect.gen(function* () {
        watch.askedAtMs = yield* Clock.currentTimeMillis
        yield* wanted.open
        return yield* fresh
      })
      const pause = Effect.gen(function* () {
        const nowMs = yield* Clock.currentTimeMillis
        if (watch.watchers > 0 || nowMs - watch.askedAtMs < askedMs) return yield* Effect.sleep(watchedEvery)
        yield* wanted.close
        return yield* Effect.timeoutOption(wanted.await, unwatchedEvery)
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(fresh, pause)))

      const watching = Effect.acquireRelease(
        Effect.sync(() => (watch.watchers += 1)),
        () => Effect.sync(() => (watch.watchers -= 1))
      )
      const frames = Stream.unwrap(
        Effect.map(Effect.andThen(watching, current), (first) =>
          Stream.concat(Stream.succeed(first), Stream.fromPubSub(news))
        )
      )
      return Overview.of({
        current,
        frames: Stream.scoped(frames),
        history: (minutes) =>
          Effect.andThen(current, Clock.currentTimeMillis).pipe(Effect.map((nowMs) => history.of(minutes, nowMs))),
        partition: (handler, partition) => Effect.map(current, () => partitionBodyOf(samples, handler, partition))
      })
    })
  )
