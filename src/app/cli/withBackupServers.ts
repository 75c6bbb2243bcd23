import { Effect, Schema } from "effect"
import type { AppConfigValues } from "../AppConfig.ts"
import { backupServers } from "../backupServers.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"
import { say } from "./Output.ts"
import { reasonOf } from "./reasonOf.ts"

/** Runs on the servers of these settings; why it did not come to an end is said in one line. */
export const withBackupServers =
  (outcome: string, config: AppConfigValues) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provide(backupServers(config, say)),
      Effect.mapError((error) => new CommandFailed({ message: `${outcome}: ${saidOf(error)}`, code: exitCode.failure }))
    )

const isAway = Schema.is(
  Schema.Struct({
    _tag: Schema.Literals(["StoreUnavailable", "BrokerUnavailable"]),
    operation: Schema.String,
    detail: Schema.String
  })
)

/** A pipeline tries again when a server is away, and says so; this does not. */
const saidOf = (error: unknown) => (isAway(error) ? `${error.operation}: ${error.detail}` : reasonOf(error))
