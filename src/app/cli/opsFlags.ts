import { Effect, Option, type Redacted } from "effect"
import { Flag } from "effect/cli"
import { hostname, userInfo } from "node:os"
import { CommandName } from "./CommandName.ts"
import { urlFlag } from "./urlFlag.ts"
import { commandFailed } from "./clientFailure.ts"
import { OpsClient, tokenFlag, withOps } from "./OpsClient.ts"
import { type OutputFormat, outputFlag } from "./Output.ts"

/** What every command has that asks a running pipeline. */
export const opsFlags = { url: urlFlag, token: tokenFlag, output: outputFlag }

/** The same, given. */
export interface OpsOptions {
  readonly url: string
  readonly token: Option.Option<Redacted.Redacted>
  readonly output: OutputFormat
}

/** `--why`: for the record. */
export const whyFlag = Flag.String("why").pipe(Flag.withDescription("Why, for the record"), Flag.withDefault(""))

/** Who acts, for the record: the account and the machine. */
export const actor = () => `${userInfo().username}@${hostname()}`

/** Asks the pipeline; what it refuses, and that none answers, is said in words. */
export const asking = <A, E>({ token, url }: OpsOptions, ask: (ops: OpsClient["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(CommandName, (command) =>
    Effect.flatMap(OpsClient, ask).pipe(withOps(url, token), Effect.mapError(commandFailed(url, command)))
  )
