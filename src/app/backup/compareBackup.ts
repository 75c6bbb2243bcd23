import { Effect } from "effect"
import { BackupStore, type KnownStream, type TablesSnapshot, type TableSum } from "../../pipeline/BackupStore.ts"
import { EventLog } from "../../pipeline/EventLog.ts"
import { isStreamMissing } from "../../pipeline/RelayDecision.ts"
import { readManifest } from "./backupFiles.ts"
import type { BackupStream, BackupTable } from "./Manifest.ts"

/** Copies of what the stream has, kept for a while; a restore adds to them. They are told, and no difference. */
const copiesOnly: ReadonlySet<string> = new Set(["published"])

/** A table then and now; `undefined` where it is not. */
export interface TableDifference {
  readonly table: string
  readonly rowsThen: number | undefined
  readonly rowsNow: number | undefined
  readonly status: "same" | "differs" | "not compared"
}

/** A stream then and now. `returning`: it is not there, and what only it had is kept, and published again. */
export interface StreamDifference {
  readonly stream: string
  readonly lastSeqThen: number
  readonly lastSeqNow: number | undefined
  readonly status: "same" | "returning" | "differs"
}

/** What differs between a backup and what is there. */
export interface Comparison {
  readonly same: boolean
  readonly takenAt: string
  readonly tables: ReadonlyArray<TableDifference>
  readonly streams: ReadonlyArray<StreamDifference>
}

/** Compares with one snapshot of the tables, and with the stream a moment later. */
export const compareBackup = Effect.fnUntraced(function* (
  folder: string,
  onProgress: (line: string) => Effect.Effect<void>
) {
  const store = yield* BackupStore
  const manifest = yield* readManifest(folder)
  const { kept, now, sums } = yield* store.snapshot((snapshot) => sumsOf(snapshot, onProgress))
  const tables = tablesOf(manifest.tables, sums)
  const streams = yield* Effect.forEach(manifest.streams, (then) =>
    streamOf(
      then,
      now.find(({ name }) => name === then.name),
      kept.get(then.name) ?? 0
    )
  )
  const same = tables.every(({ status }) => status !== "differs") && streams.every(({ status }) => status !== "differs")
  return { same, takenAt: manifest.takenAt, tables, streams } satisfies Comparison
})

const sumsOf = Effect.fnUntraced(function* (
  snapshot: TablesSnapshot,
  onProgress: (line: string) => Effect.Effect<void>
) {
  const sums = yield* Effect.forEach(snapshot.tables, (table) =>
    Effect.andThen(
      onProgress(`summing up ${table.name}`),
      Effect.map(snapshot.sum(table), (sum) => [table.name, sum] as const)
    )
  )
  const kept = yield* Effect.forEach(snapshot.streams, ({ name }) =>
    Effect.map(snapshot.kept(name), (events) => [name, events] as const)
  )
  return { sums: new Map(sums), kept: new Map(kept), now: snapshot.streams }
})

/** Tables of either, by name. Pure. */
const tablesOf = (
  then: ReadonlyArray<BackupTable>,
  sums: ReadonlyMap<string, TableSum>
): ReadonlyArray<TableDifference> => {
  const before = new Map(then.map((table) => [table.name, table]))
  return [...new Set([...before.keys(), ...sums.keys()])].toSorted().map((table) => {
    const old = before.get(table)
    const sum = sums.get(table)
    const isSame = old?.rows === sum?.rows && old?.digest === sum?.digest
    const status = isSame ? "same" : copiesOnly.has(table) ? "not compared" : "differs"
    return { table, rowsThen: old?.rows, rowsNow: sum?.rows, status }
  })
}

const streamOf = Effect.fnUntraced(function* (then: BackupStream, known: KnownStream | undefined, kept: number) {
  const log = yield* EventLog
  const info = yield* log.info(then.name).pipe(Effect.catchIf(isStreamMissing, () => Effect.undefined))
  const isEmpty = info === undefined || info.lastSeq === 0
  const isThen = then.relaySeq === 0 ? isEmpty : info?.created === then.created && info.lastSeq === then.lastSeq
  const returns = isEmpty && known?.created === then.created && kept >= then.events.rows
  const status = isThen ? "same" : returns ? "returning" : "differs"
  return {
    stream: then.name,
    lastSeqThen: then.lastSeq,
    lastSeqNow: info?.lastSeq,
    status
  } satisfies StreamDifference
})
