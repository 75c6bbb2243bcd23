import { Clock, DateTime, Duration, Effect, Option, Schedule } from "effect"
import { SecureRandom } from "effect/crypto"
import { OrderId, Sku, UserId } from "../../domain/Ids.ts"
import { Currency } from "../../domain/Money.ts"
import { type EffectRecord, judge, type Judgement } from "../../pipeline/Oracle.ts"
import type { OrderBody } from "../http/OrdersApi.ts"
import { ordersListedMax } from "../orders/OrderStore.ts"
import { pointsPerPaidOrder } from "../orders/Points.ts"
import { ApiClient } from "./ApiClient.ts"
import { type LoadClient, LoadRefused, makeLoadClient } from "./LoadClient.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"

/** What to simulate. */
export interface SimulationOptions {
  readonly orders: number
  /** Orders started per second. */
  readonly ratePerSecond: number
  /** Users the orders are spread over. */
  readonly keys: number
  /** Between two commands on one order. */
  readonly pause: Duration.Duration
  /** How long a pipeline that does not answer, or effects that do not come, are waited for. */
  readonly patience: Duration.Duration
}

/** How far it is. Mutable: one writer per order, one reader for the progress line. */
export interface Progress {
  started: number
  finished: number
  retries: number
  readonly commandMs: Array<number>
  readonly createMs: Array<number>
}

/** What came of it. */
export interface SimulationResult {
  readonly judgement: Judgement
  readonly pointsWrong: number
  readonly effectMs: ReadonlyArray<number>
  readonly settled: boolean
}

const price = 1_250

const currency = Currency.make("EUR")

/** Most orders of a warm-up. */
const warmUpOrdersMax = 1_000

/** Orders that go through their whole life before the clock starts, so that both sides have compiled what they run. */
export const warmUpOrdersOf = (orders: number): number => Math.min(warmUpOrdersMax, Math.ceil(orders / 2))

/** Warm-up orders at the same time. */
const warmUpAtOnce = 16

/** With a progress of its own: what it measures is thrown away. */
const warmUp = (simulation: Simulation) => {
  const progress: Progress = { started: 0, finished: 0, retries: 0, commandMs: [], createMs: [] }
  const options = { ...simulation.options, pause: Duration.zero }
  const aside = { ...simulation, options, progress, run: `${simulation.run}-warm-up` }
  return Effect.forEach(
    Array.from({ length: warmUpOrdersOf(options.orders) }, (_, i) => i),
    (i) => oneOrder(aside, i, 0),
    {
      concurrency: warmUpAtOnce,
      discard: true
    }
  )
}

/** Each order is created, paid and shipped, with an Idempotency-Key each, however often the pipeline is away. */
export const runSimulation = Effect.fnUntraced(function* (url: string, options: SimulationOptions, progress: Progress) {
  const run = `sim-${(yield* Effect.sync(() => SecureRandom.uuidV7Unsafe())).slice(-12)}`
  const sku = Sku.make(run)
  const client = yield* makeLoadClient(url)
  yield* insist(
    options,
    progress,
    client.send(
      "PUT",
      `/inventory/${sku}`,
      { available: options.orders + warmUpOrdersOf(options.orders) },
      `${run}-stock`
    )
  )
  const simulation: Simulation = { options, progress, client, run, sku }
  yield* warmUp(simulation)
  const startMs = yield* Clock.currentTimeMillis
  yield* Effect.forEach(
    Array.from({ length: options.orders }, (_, i) => i),
    (i) => oneOrder(simulation, i, startMs + (i * 1_000) / options.ratePerSecond),
    { concurrency: "unbounded", discard: true }
  )
  return yield* settle(options, run)
})

const userOf = (run: string, k: number) => UserId.make(`${run}-user-${k}`)

interface Simulation {
  readonly options: SimulationOptions
  readonly progress: Progress
  readonly client: LoadClient
  readonly run: string
  readonly sku: Sku
}

const oneOrder = Effect.fnUntraced(function* (
  { client, options, progress, run, sku }: Simulation,
  i: number,
  dueMs: number
) {
  yield* Effect.sleep(Math.max(0, dueMs - (yield* Clock.currentTimeMillis)))
  progress.started += 1
  const orderId = OrderId.make(`${run}-order-${i}`)
  const command = (step: string, path: string, body: unknown) =>
    insist(options, progress, client.send("POST", path, body, `${orderId}-${step}`))
  const items = [{ sku, quantity: 1, unitPrice: price }]
  const order = { orderId, userId: userOf(run, i % options.keys), email: "sim@example.com", currency, items }
  progress.createMs.push(yield* command("create", "/orders", order))
  yield* Effect.sleep(options.pause)
  yield* command("pay", `/orders/${orderId}/pay`, { amount: price, currency })
  yield* Effect.sleep(options.pause)
  yield* command("ship", `/orders/${orderId}/ship`, { carrier: "Millrace Express", trackingNumber: orderId })
  progress.finished += 1
})

const repetition = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.jittered
)

/** Repeats a command until it is answered; a refusal ends the simulation. Returns how long it took in all, in milliseconds. */
const insist = Effect.fnUntraced(function* (
  options: SimulationOptions,
  progress: Progress,
  attempt: Effect.Effect<void, LoadRefused>
) {
  const startMs = yield* Clock.currentTimeMillis
  const begin = performance.now()
  yield* attempt.pipe(
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.fail(new LoadRefused({ status: 0, detail: "no answer in 10 s" }))
    }),
    Effect.tapError(() => Effect.sync(() => (progress.retries += 1))),
    Effect.retry(($) =>
      $(repetition).pipe(
        Schedule.while(({ input, now }) => isPassing(input) && now - startMs < Duration.toMillis(options.patience))
      )
    ),
    Effect.mapError(
      (error) =>
        new CommandFailed({ message: `the pipeline did not take a command: ${error.message}`, code: exitCode.failure })
    )
  )
  const elapsed = performance.now() - begin
  progress.commandMs.push(elapsed)
  return elapsed
})

const isPassing = (error: LoadRefused) => error.status === 0 || error.status >= 500

const eventsPerOrder = 3

/** Waits until every event has its effect, or nothing more comes; then judges. */
const settle = Effect.fnUntraced(function* (options: SimulationOptions, run: string) {
  const wanted = options.orders * eventsPerOrder
  const deadlineMs = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.patience)
  const look = readEffects(options, run)
  const seen = yield* look.pipe(
    Effect.repeat({
      until: Effect.fnUntraced(function* (found: Seen) {
        return (
          (found.effects.length >= wanted && found.pointsWrong === 0) || (yield* Clock.currentTimeMillis) > deadlineMs
        )
      }),
      schedule: Schedule.spaced("250 millis")
    })
  )
  const judgement = judge(committedOf(options, run), seen.effects)
  const settled = seen.effects.length >= wanted
  return { judgement, pointsWrong: seen.pointsWrong, effectMs: seen.effectMs, settled } satisfies SimulationResult
})

interface Seen {
  readonly effects: ReadonlyArray<EffectRecord>
  readonly effectMs: ReadonlyArray<number>
  readonly pointsWrong: number
}

const ordersOfUser = (options: SimulationOptions, k: number) =>
  Math.floor((options.orders - k + options.keys - 1) / options.keys)

const usersOf = (options: SimulationOptions) =>
  Array.from({ length: Math.min(options.keys, options.orders) }, (_, k) => k)

const committedOf = (options: SimulationOptions, run: string) =>
  new Map(usersOf(options).map((k) => [userOf(run, k), ordersOfUser(options, k) * eventsPerOrder]))

const readEffects = Effect.fnUntraced(function* (options: SimulationOptions, run: string) {
  const users = yield* Effect.forEach(usersOf(options), (k) => readUser(userOf(run, k), ordersOfUser(options, k)), {
    concurrency: 8
  })
  return {
    effects: users.flatMap((user) => user.effects),
    effectMs: users.flatMap((user) => user.effectMs),
    pointsWrong: users.filter((user) => !user.pointsRight).length
  }
})

const readUser = Effect.fnUntraced(function* (userId: UserId, orders: number) {
  const api = yield* ApiClient
  const params = { userId }
  const listed = yield* api.users.orders({ params, query: { limit: ordersListedMax } }).pipe(Effect.option)
  const booked = yield* api.users.points({ params }).pipe(Effect.option)
  const history = Option.getOrElse(listed, (): ReadonlyArray<OrderBody> => []).flatMap((order) => order.history ?? [])
  return {
    effects: history.map(({ eventId, position, version }): EffectRecord => ({
      key: userId,
      eventId,
      position,
      version
    })),
    effectMs: history.map(
      (entry) => DateTime.toEpochMillis(entry.appliedAt) - DateTime.toEpochMillis(entry.occurredAt)
    ),
    pointsRight: Option.isSome(booked) && booked.value.points === orders * pointsPerPaidOrder
  }
})
