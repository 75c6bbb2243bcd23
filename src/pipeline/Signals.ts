import { Context, Effect } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import type { ParkReason } from "./Parked.ts"

/**
 * Everything the engine has to say, as values. Logs, metrics and what an instance reports of itself are folds of it;
 * nothing else in the engine logs.
 */
export type Signal =
  | {
      readonly _tag: "BatchPublished"
      readonly stream: string
      readonly events: number
      readonly tookMs: number
      readonly lastSeq: number
    }
  | {
      readonly _tag: "BatchHandled"
      readonly handler: string
      /** Undefined when it is balanced: then they are of any. */
      readonly partition: number | undefined
      readonly events: ReadonlyArray<StoredEvent>
      /** From the beginning of their transaction, or of their commit when the effects are elsewhere. */
      readonly tookMs: number
    }
  | { readonly _tag: "LeadershipTaken"; readonly stream: string; readonly epoch: number }
  | { readonly _tag: "LeadershipLost"; readonly stream: string; readonly epoch: number; readonly why: string }
  | {
      readonly _tag: "Reconciled"
      readonly stream: string
      readonly why: string
      readonly found: number
      readonly lastSeq: number
    }
  | {
      readonly _tag: "StreamShrank"
      readonly stream: string
      readonly knownSeq: number
      readonly lastSeq: number
    }
  | {
      readonly _tag: "Repartitioned"
      readonly stream: string
      readonly first: number
      readonly partitions: number
    }
  | {
      readonly _tag: "HandlerMoved"
      readonly stream: string
      readonly handler: string
      readonly first: number
      readonly partitions: number
    }
  | { readonly _tag: "PartitionsDiffer"; readonly stream: string; readonly has: number; readonly asked: number }
  | { readonly _tag: "KeptRowsReturned"; readonly stream: string; readonly rows: number }
  | { readonly _tag: "KeyHeld"; readonly stream: string; readonly key: string; readonly reason: string }
  | { readonly _tag: "RelayFailed"; readonly stream: string; readonly what: string; readonly detail: string }
  | { readonly _tag: "RelayRecovered"; readonly stream: string }
  | { readonly _tag: "PartitionsClaimed"; readonly stream: string; readonly count: number; readonly owned: number }
  | { readonly _tag: "PartitionsReleased"; readonly stream: string; readonly count: number; readonly owned: number }
  | { readonly _tag: "PartitionLost"; readonly handler: string; readonly partition: number; readonly epoch: number }
  | {
      readonly _tag: "PartitionInterrupted"
      readonly handler: string
      readonly partition: number
      readonly detail: string
    }
  | {
      readonly _tag: "AttemptFailed"
      readonly handler: string
      readonly partition: number
      readonly key: string
      readonly attempt: number
      readonly retryInMs: number
      readonly reason: string
    }
  | {
      readonly _tag: "KeyParked"
      readonly handler: string
      readonly partition: number
      readonly key: string
      readonly version: number
      readonly reason: ParkReason
    }
  | {
      readonly _tag: "EventParked"
      readonly handler: string
      readonly partition: number
      readonly key: string
      readonly version: number
      readonly reason: ParkReason
    }
  | { readonly _tag: "KeyReturned"; readonly handler: string; readonly key: string }
  | {
      readonly _tag: "OrderViolated"
      readonly handler: string
      readonly key: string
      readonly handledVersion: number
      readonly version: number
    }
  | { readonly _tag: "DeliveriesInterrupted"; readonly handler: string; readonly detail: string }
  | { readonly _tag: "LedgerBehind"; readonly handler: string; readonly afterSeq: number }
  | {
      readonly _tag: "ConsumerAhead"
      readonly handler: string
      readonly deliveredSeq: number
      readonly lastSeq: number
    }
  | { readonly _tag: "HandlerPaused"; readonly handler: string; readonly reason: string }
  | { readonly _tag: "HandlerResumed"; readonly handler: string }
  | { readonly _tag: "OwnershipUnproven"; readonly stream: string; readonly count: number }
  | { readonly _tag: "BrokerOutOfReach"; readonly stream: string; readonly count: number }
  | { readonly _tag: "BrokerInReach"; readonly stream: string }
  | { readonly _tag: "HeartbeatFailed"; readonly stream: string; readonly detail: string }
  | { readonly _tag: "HeartbeatRecovered"; readonly stream: string }
  | { readonly _tag: "DefectSurvived"; readonly where: string; readonly detail: string }
  | { readonly _tag: "ConnectionLost"; readonly peer: string }
  | { readonly _tag: "ConnectionRestored"; readonly peer: string }
  | { readonly _tag: "StreamDrifted"; readonly stream: string; readonly differences: ReadonlyArray<string> }

/**
 * Where signals go: the log (`logSignal`), unless another sink is provided. `Ops.signals` of `millrace/ops` makes metrics of them, too.
 */
export const SignalSink = Context.Reference<(signal: Signal) => Effect.Effect<void>>("millrace/pipeline/SignalSink", {
  defaultValue: () => logSignal
})

/** Hands a signal to the sink that is provided. The engine calls it; adapters of your own may. */
export const signal = (event: Signal): Effect.Effect<void> => Effect.flatMap(SignalSink, (sink) => sink(event))

/** One line per signal, with its fields as annotations; batches are for counting, and none. */
export const logSignal = (event: Signal): Effect.Effect<void> => {
  if (event._tag === "BatchPublished" || event._tag === "BatchHandled") return Effect.void
  const { _tag, ...fields } = event
  const text = sentenceOf(event)
  return logAt[levelOf[_tag]](text).pipe(Effect.annotateLogs({ signal: _tag, ...fields }))
}

/** Signals that are logged: all but batches, which are counted. */
type Said = Exclude<Signal["_tag"], "BatchPublished" | "BatchHandled">

/** How loud a signal is in the log. Errors want a person; warnings may mend themselves. */
export type Level = "debug" | "info" | "warning" | "error"

/** Of all signals that are logged, how loud. Batches are counted and not logged. */
export const levelOf: { readonly [Tag in Said]: Level } = {
  LeadershipTaken: "debug",
  LeadershipLost: "warning",
  Reconciled: "debug",
  StreamShrank: "error",
  Repartitioned: "info",
  HandlerMoved: "info",
  PartitionsDiffer: "warning",
  KeptRowsReturned: "warning",
  KeyHeld: "error",
  RelayFailed: "warning",
  RelayRecovered: "info",
  PartitionsClaimed: "debug",
  PartitionsReleased: "debug",
  PartitionLost: "warning",
  PartitionInterrupted: "debug",
  AttemptFailed: "debug",
  KeyParked: "error",
  EventParked: "error",
  KeyReturned: "info",
  OrderViolated: "error",
  DeliveriesInterrupted: "debug",
  LedgerBehind: "warning",
  ConsumerAhead: "warning",
  HandlerPaused: "error",
  HandlerResumed: "info",
  OwnershipUnproven: "warning",
  BrokerOutOfReach: "warning",
  BrokerInReach: "info",
  HeartbeatFailed: "warning",
  HeartbeatRecovered: "info",
  DefectSurvived: "error",
  ConnectionLost: "warning",
  ConnectionRestored: "info",
  StreamDrifted: "warning"
}

const logAt: { readonly [level in Level]: (text: string) => Effect.Effect<void> } = {
  debug: Effect.logDebug,
  info: Effect.logInfo,
  warning: Effect.logWarning,
  error: Effect.logError
}

/** What a signal says, in one sentence for a person; its fields are annotations of the log line. */
export const sentenceOf = (event: Signal): string => {
  switch (event._tag) {
    case "KeyParked":
      return `key parked for ${event.handler}: its later events wait behind it`
    case "EventParked":
      return `event parked for ${event.handler}: nothing waits behind it`
    case "KeyReturned":
      return `key handled by ${event.handler} as ever again: all that was put aside is done`
    case "OrderViolated":
      return "order violated: an earlier event of the key is missing"
    case "StreamShrank":
      return "the stream is shorter than what was acknowledged: the broker lost data; what the outbox has or keeps is published again"
    case "KeptRowsReturned":
      return "events that the broker lost were kept, and go out again"
    case "KeyHeld":
      return "key held back in the outbox"
    case "RelayFailed":
      return "relay cannot publish, and keeps trying; events wait in the outbox"
    case "DefectSurvived":
      return "a bug in the pipeline; please report it. What it was doing is tried again"
    case "ConnectionLost":
      return `connection to ${event.peer} lost; reconnecting`
    case "ConnectionRestored":
      return `connected to ${event.peer} again`
    case "Repartitioned":
      return `${event.stream} is published to ${event.partitions} partitions now, from ${event.first} on; each handler follows when it has read those of before`
    case "HandlerMoved":
      return `${event.handler} has read the partitions of before, and goes on with ${event.partitions} from ${event.first} on`
    case "PartitionsDiffer":
      return `${event.stream} has ${event.has} partitions and keeps them: ${event.asked} were asked for, which counts for a new stream only; \`repartition\` changes them`
    case "StreamDrifted":
      return "the stream differs from its declaration; it works, and is left as it is"
    case "LedgerBehind":
      return `the broker has more behind it for ${event.handler} than the database says is handled; what is not comes again`
    case "ConsumerAhead":
      return `the broker lost events that it has behind it for ${event.handler}: what comes in their place is not passed over`
    case "HandlerPaused":
      return `${event.handler} is paused: ${event.reason}; its events wait, in order, and nothing is parked for it`
    case "HandlerResumed":
      return `${event.handler} works again`
    case "OwnershipUnproven":
      return "ownership could not be renewed in time: work ends before another instance can begin it, and is claimed anew"
    case "BrokerOutOfReach":
      return "no contact with NATS: this instance gives its partitions up to those that have"
    case "BrokerInReach":
      return "NATS is in reach again: this instance takes its share"
    case "HeartbeatFailed":
      return "cannot renew ownership, and keeps trying"
    case "HeartbeatRecovered":
      return "ownership is renewed again"
    case "LeadershipLost":
      return "this instance no longer leads the relay; it stands by"
    case "PartitionLost":
      return "a partition has passed to another instance; what was in hand here cannot be committed"
    case "RelayRecovered":
      return "the relay publishes again"
    default:
      return event._tag
  }
}
