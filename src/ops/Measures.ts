import { Clock, Effect } from "effect"
import { appendedAtMsOf } from "../pipeline/EventTime.ts"
import { type InstanceStatus, reportMaxChars } from "../pipeline/SelfReport.ts"
import { levelOf, sentenceOf, type Signal } from "../pipeline/Signals.ts"
import {
  type ErrorReport,
  errorsReportedMax,
  type InstanceReport,
  type PartitionReport,
  type SignalReport,
  signalsReportedMax,
  textMaxChars
} from "./InstanceReport.ts"
import { keysInFlight } from "./keysInFlight.ts"
import { bucketOf, latencyBuckets, quantileOf } from "./Latency.ts"

interface HandlerMeasures {
  handled: number
  failed: number
  readonly latency: Array<number>
  resting: string | null
}

/** Of a partition: the present half minute and the one before. */
interface PartitionMeasures {
  handled: number
  readonly failures: [number, number]
  readonly latency: [Array<number>, Array<number>]
  error: ErrorReport | undefined
}

/** Half of the time that a partition's recent figures are of. */
const generationMs = 30_000

/** How long the last error of a partition is worth showing. */
const errorShownMs = 3_600_000

const zeros = () => Array.from({ length: latencyBuckets }, () => 0)

/**
 * What one instance has done, counted from its signals: a few additions for a batch, and one for each event of it. Its
 * report goes out with the beats of the instance.
 */
export class Measures {
  readonly #handlers = new Map<string, HandlerMeasures>()
  readonly #partitions = new Map<string, PartitionMeasures>()
  readonly #signals: Array<SignalReport> = []
  #turnedAtMs = 0
  #leads = false
  #relayFailing: string | null = null
  #leaseChanges = 0
  #shrinks = 0
  #said = ""

  /** The sink's part. */
  readonly noted = (signal: Signal): Effect.Effect<void> =>
    Effect.map(Clock.currentTimeMillis, (nowMs) => this.note(signal, Math.round(nowMs)))

  note(signal: Signal, nowMs: number) {
    if (signal._tag === "BatchPublished") return
    if (signal._tag === "BatchHandled") return this.#handled(signal, nowMs)
    this.#count(signal, nowMs)
    this.#keep(signal, nowMs)
  }

  /** As a text; undefined: as it was said before. */
  report(status: InstanceStatus): string | undefined {
    this.#turn(status.nowMs)
    for (const { handler } of status.partitions) this.#handler(handler)
    const names = [...this.#handlers.keys()]
    const report: InstanceReport = {
      leads: this.#leads,
      relayFailing: this.#relayFailing,
      draining: status.draining,
      handlers: [...this.#handlers].map(([name, one]) => ({
        name,
        ...one,
        inHand: status.balanced.get(name) ?? inHandOf(status, name)
      })),
      partitions: this.#partitionsOf(status, names),
      inFlight: keysInFlight(status, names),
      errors: this.#errorsOf(status),
      signals: this.#signals,
      leaseChanges: this.#leaseChanges,
      shrinks: this.#shrinks
    }
    const whole = JSON.stringify(report)
    // What is too much to say would not be said at all: then single partitions are left out.
    const text = whole.length <= reportMaxChars ? whole : JSON.stringify({ ...report, partitions: [], inFlight: [] })
    if (text === this.#said) return undefined
    this.#said = text
    return text
  }

  #handled({ events, handler, partition }: Signal & { readonly _tag: "BatchHandled" }, nowMs: number) {
    const whole = this.#handler(handler)
    const part = partition === undefined ? undefined : this.#partition(handler, partition)
    whole.handled += events.length
    if (part !== undefined) part.handled += events.length
    for (const { eventId } of events) {
      const bucket = bucketOf(nowMs - appendedAtMsOf(eventId))
      whole.latency[bucket] = (whole.latency[bucket] ?? 0) + 1
      if (part !== undefined) part.latency[0][bucket] = (part.latency[0][bucket] ?? 0) + 1
    }
  }

  #count(signal: Signal, nowMs: number) {
    switch (signal._tag) {
      case "AttemptFailed":
        return this.#failed(signal, signal.reason, nowMs)
      case "KeyParked":
      case "EventParked":
        return this.#failed(signal, `${signal.reason.tag}: ${signal.reason.message}`, nowMs)
      case "HandlerPaused":
        return void (this.#handler(signal.handler).resting = signal.reason.slice(0, textMaxChars))
      case "HandlerResumed":
        return void (this.#handler(signal.handler).resting = null)
      case "LeadershipTaken":
        return void (this.#leads = true)
      case "LeadershipLost":
        // Whoever leads now speaks for the relay.
        this.#relayFailing = null
        return void (this.#leads = false)
      case "RelayFailed":
        return void (this.#relayFailing = signal.detail.slice(0, textMaxChars))
      case "RelayRecovered":
        return void (this.#relayFailing = null)
      case "StreamShrank":
        return void (this.#shrinks += 1)
      case "PartitionsClaimed":
        return void (this.#leaseChanges += signal.count)
      default:
        return undefined
    }
  }

  #failed(
    { handler, key, partition }: { readonly handler: string; readonly key: string; readonly partition: number },
    message: string,
    atMs: number
  ) {
    this.#handler(handler).failed += 1
    const part = this.#partition(handler, partition)
    part.failures[0] += 1
    part.error = { handler, partition, key, atMs, message: message.slice(0, textMaxChars).toWellFormed() }
  }

  /** What nobody would miss is left out. */
  #keep(signal: Exclude<Signal, { readonly _tag: "BatchHandled" | "BatchPublished" }>, atMs: number) {
    const level = levelOf[signal._tag]
    if (level === "debug") return
    const text = sentenceOf(signal).slice(0, textMaxChars)
    const handler = "handler" in signal ? signal.handler : null
    const key = "key" in signal ? signal.key : null
    this.#signals.push({ atMs, tag: signal._tag, level, text, handler, key })
    if (this.#signals.length > signalsReportedMax) this.#signals.shift()
  }

  #turn(nowMs: number) {
    if (nowMs - this.#turnedAtMs < generationMs) return
    this.#turnedAtMs = nowMs
    for (const part of this.#partitions.values()) {
      part.failures[1] = part.failures[0]
      part.failures[0] = 0
      part.latency[1] = part.latency[0]
      part.latency[0] = zeros()
    }
  }

  #partitionsOf(status: InstanceStatus, names: ReadonlyArray<string>): ReadonlyArray<PartitionReport> {
    return status.partitions.flatMap(({ handler, inHand, oldestAppendedAtMs = 0, partition }) => {
      const part = this.#partitions.get(placeOf(handler, partition))
      const at = names.indexOf(handler)
      if (at === -1 || (part === undefined && inHand === 0)) return []
      const failures = (part?.failures[0] ?? 0) + (part?.failures[1] ?? 0)
      return [[at, partition, part?.handled ?? 0, failures, inHand, oldestAppendedAtMs, p95Of(part)] as const]
    })
  }

  #errorsOf({ nowMs, partitions }: InstanceStatus): ReadonlyArray<ErrorReport> {
    return partitions
      .flatMap(({ handler, partition }) => {
        const error = this.#partitions.get(placeOf(handler, partition))?.error
        return error === undefined || nowMs - error.atMs > errorShownMs ? [] : [error]
      })
      .sort((a, b) => b.atMs - a.atMs)
      .slice(0, errorsReportedMax)
  }

  #handler(name: string): HandlerMeasures {
    const known = this.#handlers.get(name)
    if (known !== undefined) return known
    const fresh: HandlerMeasures = { handled: 0, failed: 0, latency: zeros(), resting: null }
    this.#handlers.set(name, fresh)
    return fresh
  }

  #partition(handler: string, partition: number): PartitionMeasures {
    const at = placeOf(handler, partition)
    const known = this.#partitions.get(at)
    if (known !== undefined) return known
    const fresh: PartitionMeasures = { handled: 0, failures: [0, 0], latency: [zeros(), zeros()], error: undefined }
    this.#partitions.set(at, fresh)
    // Those that only have something in hand are told by the handler's place.
    this.#handler(handler)
    return fresh
  }
}

const placeOf = (handler: string, partition: number) => `${handler}/${partition}`

const inHandOf = ({ partitions }: InstanceStatus, name: string) =>
  partitions.reduce((sum, { handler, inHand }) => (handler === name ? sum + inHand : sum), 0)

const p95Of = (part: PartitionMeasures | undefined) => {
  if (part === undefined) return 0
  const [now, before] = part.latency
  return Math.round(
    quantileOf(
      now.map((n, i) => n + (before[i] ?? 0)),
      0.95
    ) ?? 0
  )
}
