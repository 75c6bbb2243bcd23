import { Context, Layer } from "effect"
import type { ControlEntry, Operation } from "../../pipeline/ControlDesk.ts"
import type { OutboxRow } from "../../pipeline/Envelope.ts"
import type { KeyProgress, OrderViolation } from "../../pipeline/Inbox.ts"
import type { Instance } from "../../pipeline/Ownership.ts"
import type { Topology } from "../../pipeline/Partition.ts"
import type { FailedAttempt, ParkedEvent, ParkedStatus, ParkingAct } from "../../pipeline/Parked.ts"
import type { Acknowledgement } from "../../pipeline/ViolationDesk.ts"

/** A lease and what it protects. Times are milliseconds of the Effect clock. */
export interface MemoryLease {
  owner: string | undefined
  epoch: number
  opening: number
  expiresAtMs: number
  cursor: number
  /** Fixed by who declares the handler first. */
  delivery?: "ordered" | "balanced"
  /** Read to its end, and to be given back: the handler goes on with other partitions. */
  ended: boolean
}

/** An event that a balanced handler has handled, ahead of the floor. */
export interface MemoryHandled {
  readonly handler: string
  readonly key: string
  readonly version: number
  readonly seq: number
  readonly generation: number
}

/** A topology of before. `ends` undefined: to be looked up again. */
export interface MemoryTopology extends Topology {
  readonly ends: ReadonlyArray<number> | undefined
}

/** The relay's row. */
export interface MemoryRelay {
  owner: string | undefined
  epoch: number
  expiresAtMs: number
  lastSeq: number
  streamCreated: string
  /** Whether the stream was ever made anew. */
  remade: boolean
  /** How often the stream was turned back. */
  rewinds: number
  /** What is published to; undefined before anybody declared it. */
  partitions: number | undefined
  first: number
  /** So many somebody wants instead. */
  wanted: number | undefined
}

/** A process that showed itself alive. */
export interface MemoryInstance {
  readonly instance: Instance
  readonly startedAtMs: number
  readonly seenAtMs: number
  readonly report: string | undefined
  readonly handlers: ReadonlyArray<string>
  readonly expiresAtMs: number
}

/** A key that was put aside. */
export interface MemoryParkedKey {
  readonly handler: string
  /** The name it is parked under. */
  readonly key: string
  /** The key of its events. */
  readonly ofKey: string
  readonly partition: number
  readonly parkedAtMs: number
  status: ParkedStatus
  generation: number
  attempts: number
  dueAtMs: number | undefined
  reason: { readonly tag: string; readonly message: string; readonly stack: string }
  history: ReadonlyArray<FailedAttempt>
}

/** An event that was put aside, of a handler. */
export interface MemoryParkedEvent extends ParkedEvent {
  readonly handler: string
  /** What it said before it was edited. */
  readonly original?: string
}

/** An order violation that was seen, and who looked into it. */
export interface MemoryViolation extends OrderViolation {
  readonly handler: string
  readonly seenAtMs: number
  acknowledged?: Acknowledgement
}

/** Everything that Postgres would keep, by stream. Tests may look into it. */
export interface MemoryTables {
  readonly heads: Map<string, number>
  /** `again`: published before, and put back. */
  readonly outbox: Map<number, OutboxRow & { readonly again?: boolean; readonly appendedAtMs?: number }>
  /** What was published and is kept. */
  readonly published: Map<number, OutboxRow & { readonly seq: number; readonly publishedAtMs: number }>
  readonly held: Map<string, { readonly fromId: number; readonly reason: string }>
  readonly relay: MemoryRelay
  readonly leases: Map<string, MemoryLease>
  /** What was published to before, oldest first. */
  readonly topologies: Array<MemoryTopology>
  readonly instances: Map<string, MemoryInstance>
  readonly progress: Map<string, KeyProgress>
  readonly handled: Map<string, MemoryHandled>
  /** In the order they were put aside. */
  readonly parked: Array<MemoryParkedEvent>
  readonly parkedKeys: Map<string, MemoryParkedKey>
  /** Events that somebody took out. */
  readonly discarded: Array<MemoryParkedEvent>
  readonly acts: Array<ParkingAct>
  /** By handler, partition and instance. */
  readonly controls: Map<string, ControlEntry>
  readonly operations: Array<Operation>
  /** Effects outside, by handler and idempotency key; confirmed when they have a time. */
  readonly effects: Map<
    string,
    { readonly handler: string; readonly intendedAtMs: number; readonly confirmedAtMs: number | undefined }
  >
  /** Attempts under suspicion, by handler and partition, then by event. */
  readonly suspects: Map<string, Map<string, { readonly key: string; readonly version: number; attempts: number }>>
  /** None is ever taken out. */
  readonly violations: Array<MemoryViolation>
  nextId: number
}

/** The tables of all streams of this process. */
export class MemoryState extends Context.Service<MemoryState, { readonly of: (stream: string) => MemoryTables }>()(
  "millrace/infra/memory/MemoryState"
) {
  static readonly layer: Layer.Layer<MemoryState> = Layer.sync(MemoryState, () => {
    const streams = new Map<string, MemoryTables>()
    return MemoryState.of({
      of: (stream) => {
        const tables = streams.get(stream) ?? emptyTables()
        streams.set(stream, tables)
        return tables
      }
    })
  })
}

/** How long a lease lasts without renewal. */
export const leaseTtlMs = 3_000

/** A lease nobody has had. */
export const freshLease = (): MemoryLease => ({
  owner: undefined,
  epoch: 0,
  opening: 0,
  expiresAtMs: 0,
  cursor: 0,
  ended: false
})

/** Names of rows with more than one key column. */
export const rowKey = (...parts: ReadonlyArray<string | number>) => JSON.stringify(parts)

/** The columns of a row's name, as texts. */
export const columnsOf = (key: string): readonly [string, string] => {
  // Written by `rowKey` and nobody else.
  const [first, second] = JSON.parse(key) as ReadonlyArray<string | number>
  return [String(first), String(second)]
}

const emptyTables = (): MemoryTables => ({
  heads: new Map(),
  outbox: new Map(),
  published: new Map(),
  held: new Map(),
  relay: {
    owner: undefined,
    epoch: 0,
    expiresAtMs: 0,
    lastSeq: 0,
    streamCreated: "",
    remade: false,
    rewinds: 0,
    partitions: undefined,
    first: 0,
    wanted: undefined
  },
  leases: new Map(),
  topologies: [],
  instances: new Map(),
  progress: new Map(),
  handled: new Map(),
  parked: [],
  parkedKeys: new Map(),
  discarded: [],
  acts: [],
  controls: new Map(),
  operations: [],
  effects: new Map(),
  suspects: new Map(),
  violations: [],
  nextId: 1
})
