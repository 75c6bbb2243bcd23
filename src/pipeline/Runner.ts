import type { Effect, Latch, Queue } from "effect"
import type { Careful } from "./Careful.ts"
import type { Handler } from "./Handler.ts"
import type { HandlerGate } from "./HandlerGate.ts"
import type { InboxCommit } from "./Inbox.ts"
import type { Lane, Lanes } from "./Lanes.ts"
import type { Claim } from "./Ownership.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"
import type { Suspicion } from "./Suspicion.ts"

/** What a runner works with: one partition of one handler, from one opening of its subscription to the next. */
export interface RunnerContext<E> {
  readonly claim: Claim
  /** The process that runs it, as it is named in the history of failed attempts. */
  readonly instance: string
  readonly handler: Handler<E>
  readonly lanes: Lanes
  readonly gate: HandlerGate
  readonly careful: Careful
  readonly suspicion: Suspicion
  /** Opened when what is in hand is to be finished, and nothing else to be begun. */
  readonly draining: Latch.Latch
  /** Lanes with work that nobody works on. Bounded by the window. */
  readonly ready: Queue.Queue<Lane>
  /** The cursor moves and the broker may go on, once this plan was committed. */
  readonly committed: (plan: InboxCommit) => Effect.Effect<void>
}

/** Handles what is in the lanes, one way or the other. */
export interface Runner {
  /** Works until it fails; what fails it is never the handler, only a lost lease or store. */
  readonly work: Effect.Effect<never, LeaseLost | StoreUnavailable>
  /** Finishes and commits what is in hand and takes nothing new. */
  readonly drain: Effect.Effect<void, LeaseLost | StoreUnavailable>
}
