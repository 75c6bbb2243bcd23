import { Context, Duration, Effect, Layer, Schedule } from "effect"
import { Backlog } from "../../pipeline/Backlog.ts"
import { OrdersBacklogged } from "./CommandRequest.ts"
import { Orders } from "./Orders.ts"

/** How far the relay may be behind before new commands are turned away. */
export interface IntakeLimits {
  readonly rowsMax: number
  readonly ageMax: Duration.Duration
}

/** How often is looked, while commands come. */
const lookEvery = Duration.seconds(1)

/**
 * Lets commands in as long as their events can be expected to be published soon. Below the limits any burst is taken, and
 * waits in the outbox; beyond them a command is refused before anything is done, so that it can be repeated elsewhere or
 * later. The limits may be overshot by what a second brings.
 */
export class Intake extends Context.Service<Intake, { readonly admit: Effect.Effect<void, OrdersBacklogged> }>()(
  "millrace/app/orders/Intake"
) {
  static readonly layer = ({ ageMax, rowsMax }: IntakeLimits): Layer.Layer<Intake, never, Backlog> =>
    Layer.effect(
      Intake,
      Effect.gen(function* () {
        const backlog = yield* Backlog
        const state: { full: OrdersBacklogged | undefined; asked: boolean } = { full: undefined, asked: false }
        const look = Effect.gen(function* () {
          // Nobody asks an idle shop.
          if (!state.asked && state.full === undefined) return
          state.asked = false
          const { oldestMs, rows } = yield* backlog.measure(Orders.name, rowsMax)
          const isFull = rows >= rowsMax || oldestMs >= Duration.toMillis(ageMax)
          state.full = isFull ? new OrdersBacklogged({ rows, oldestSeconds: Math.round(oldestMs / 1_000) }) : undefined
        })
        // A database that does not answer refuses the commands itself.
        yield* Effect.ignore(look).pipe(Effect.repeat(Schedule.spaced(lookEvery)), Effect.forkScoped)
        return Intake.of({
          admit: Effect.suspend(() => {
            state.asked = true
            return state.full === undefined ? Effect.void : Effect.fail(state.full)
          })
        })
      })
    )
}
