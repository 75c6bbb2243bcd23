import { Context, type Effect } from "effect"
import type { MigrationsDone } from "../../pipeline/BackupStore.ts"

/** The tables as this version makes them. */
export class BackupSchema extends Context.Service<
  BackupSchema,
  {
    readonly migrations: ReadonlyArray<MigrationsDone>
    readonly migrate: Effect.Effect<void, { readonly message: string }>
  }
>()("millrace/app/backup/BackupSchema") {}
