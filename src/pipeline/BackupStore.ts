import { Context, type Effect, Schema, type Stream } from "effect"
import type { BrokerRefused, BrokerUnavailable, StoreUnavailable } from "./PipelineError.ts"
import type { SeenEvent } from "./StreamView.ts"

/**
 * A table by its name, and the name and type of each of its columns, in their order. Where the schema of the application's
 * tables is the user's choice, so a table is found again by its name alone.
 */
export interface TableShape {
  readonly schema: string
  readonly name: string
  readonly columns: ReadonlyArray<string>
}

/** How many rows a table has, and a sum over them that does not depend on their order. */
export interface TableSum {
  readonly rows: number
  readonly digest: string
}

/** A row as Postgres writes it, as a JSON string on one line, and its part of the table's digest. */
export interface CopiedRow {
  readonly line: string
  readonly part: bigint
}

/** The next value of a column that counts is behind this one. */
export interface Counter {
  readonly table: string
  readonly column: string
  readonly value: string
}

/** The migrations that a table lists. */
export interface MigrationsDone {
  readonly table: string
  readonly done: ReadonlyArray<string>
}

/** Where a handler is. `partition` is undefined where the place is one of all partitions. */
export interface HandlerPlace {
  readonly handler: string
  readonly partition: number | undefined
  readonly cursor: number
}

/** A stream as the tables know it. */
export interface KnownStream {
  readonly name: string
  readonly lastSeq: number
  readonly created: string
  readonly partitions: number
  readonly places: ReadonlyArray<HandlerPlace>
}

/** The tables at one moment, whatever is written meanwhile. */
export interface TablesSnapshot {
  /** By the database's clock. */
  readonly takenAt: string
  readonly postgres: string
  readonly migrations: ReadonlyArray<MigrationsDone>
  readonly tables: ReadonlyArray<TableShape>
  readonly counters: ReadonlyArray<Counter>
  readonly streams: ReadonlyArray<KnownStream>
  readonly rows: (table: TableShape) => Stream.Stream<CopiedRow, StoreUnavailable>
  readonly sum: (table: TableShape) => Effect.Effect<TableSum, StoreUnavailable>
  /** Events of a stream whose rows are kept, or wait, and would be published again if it was lost. */
  readonly kept: (stream: string) => Effect.Effect<number, StoreUnavailable>
}

/** What a restore meets. */
export interface RestoreTarget {
  readonly migrations: ReadonlyArray<MigrationsDone>
  readonly tables: ReadonlyArray<TableShape>
  /** Tables that have rows. */
  readonly filled: ReadonlyArray<{ readonly name: string; readonly rows: number }>
  /** Who holds a lease, or has given a sign of life within one. */
  readonly live: ReadonlyArray<string>
}

/** A table's rows, as `CopiedRow.line` without the JSON around it, some at a time. */
export interface TableLoad<E> {
  readonly table: TableShape
  readonly sum: TableSum
  readonly rows: Stream.Stream<ReadonlyArray<string>, E>
}

/** Events of a stream that has to be made anew, some at a time. */
export interface EventsLoad<E> {
  readonly stream: string
  readonly events: Stream.Stream<ReadonlyArray<SeenEvent>, E>
}

/**
 * Everything that is loaded. `check` sees what is there once nobody else can change it, `beforeCommit` is run when all of
 * the load is there; when one of them fails, nothing was changed.
 */
export interface Load<E> {
  readonly check: (target: RestoreTarget) => Effect.Effect<void, E>
  /** Takes away what is there. */
  readonly replaces: boolean
  readonly tables: ReadonlyArray<TableLoad<E>>
  readonly counters: ReadonlyArray<Counter>
  readonly events: ReadonlyArray<EventsLoad<E>>
  readonly beforeCommit: Effect.Effect<void, E>
}

/** A table does not hold what was copied after it was loaded. Nothing was changed. */
export class TableDiffers extends Schema.TaggedError<TableDiffers>()("TableDiffers", {
  table: Schema.String,
  rows: Schema.Int,
  rowsCopied: Schema.Int
}) {
  override get message() {
    return `${this.table} is not as it was copied once it is loaded (${this.rows} of ${this.rowsCopied} rows): use the Postgres of the backup, or a newer one`
  }
}

/**
 * The tables of a pipeline and of its application, to be copied and put back.
 *
 * Guarantees: a snapshot is one moment, read-only, and takes no lock that anybody waits for. A load is one transaction;
 * while it runs no instance can begin.
 */
export class BackupStore extends Context.Service<
  BackupStore,
  {
    readonly snapshot: <A, E, R>(
      use: (snapshot: TablesSnapshot) => Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | StoreUnavailable, R>
    readonly target: Effect.Effect<RestoreTarget, StoreUnavailable>
    readonly load: <E>(load: Load<E>) => Effect.Effect<void, E | TableDiffers | StoreUnavailable>
  }
>()("millrace/pipeline/BackupStore") {}

/** Takes a stream away, with all that is in it. */
export class StreamRemoval extends Context.Service<
  StreamRemoval,
  { readonly remove: (name: string) => Effect.Effect<void, BrokerRefused | BrokerUnavailable> }
>()("millrace/pipeline/StreamRemoval") {}
