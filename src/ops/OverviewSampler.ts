import { Clock, Duration, Effect, Latch, Layer, PubSub, Semaphore, Stream } from "effect"
import type { LogDeclaration } from "../pipeline/EventLog.ts"
import { keepGoing } from "../pipeline/keepGoing.ts"
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
      const { fresh, history, news, samples } = yield* makeLooking(options)
      const { asked, pause, watching } = yield* makePace
      const current = Effect.andThen(asked, fresh)
      yield* Effect.forkScoped(keepGoing("overview", Effect.andThen(fresh, pause)))
      const frames = Stream.unwrap(
        Effect.map(Effect.andThen(watching, current), (first) =>
          Stream.concat(Stream.succeed(first), Stream.fromPubSub(news))
        )
      )
      return Overview.of({
        current,
        frames: Stream.scoped(frames),
        history: (minutes) => Effect.map(current, ({ atMs }) => history.of(minutes, atMs)),
        partition: (handler, partition) => Effect.map(current, () => partitionBodyOf(samples, handler, partition))
      })
    })
  )

/** What was read, and how it is read anew when it is not fresh any more; one reading at a time. */
const makeLooking = Effect.fnUntraced(function* (options: OverviewOptions) {
  const services = yield* Effect.context<PipelineView | StreamView>()
  const { declaration } = options
  const about: Surroundings = { ...options, stream: declaration.name, outboxRowsMax }
  const samples = new Samples()
  const history = new OverviewHistory()
  const board = new AlertBoard()
  const turn = yield* Semaphore.make(1)
  const news = yield* PubSub.sliding<OverviewBody>(1)
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

  const lookAgain = Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    body !== undefined && nowMs - body.atMs < freshMs ? Effect.succeed(body) : look
  )
  return { fresh: turn.withPermit(lookAgain), history, news, samples }
})

/** How long to wait for the next look: less while somebody watches, or has asked of late. */
const makePace = Effect.map(Latch.make(false), (wanted) => {
  const state = { watchers: 0, askedAtMs: Number.NEGATIVE_INFINITY }
  return {
    asked: Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      state.askedAtMs = nowMs
      return wanted.open
    }),
    watching: Effect.acquireRelease(
      Effect.sync(() => (state.watchers += 1)),
      () => Effect.sync(() => (state.watchers -= 1))
    ),
    pause: Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      if (state.watchers > 0 || nowMs - state.askedAtMs < askedMs) return yield* Effect.sleep(watchedEvery)
      yield* wanted.close
      yield* Effect.timeoutOption(wanted.await, unwatchedEvery)
    })
  }
})
