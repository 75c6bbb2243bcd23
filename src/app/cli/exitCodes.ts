import { Schema } from "effect"

/** The exit codes of all commands. They are an interface: scripts rely on them. */
export const exitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  unhealthy: 10,
  orderViolated: 11,
  parkedRemain: 12,
  timedOut: 13,
  interrupted: 130
} as const

/** Ends the command with a code, after everything that is to be said was said. */
export class ExitWith extends Schema.TaggedError<ExitWith>()("ExitWith", { code: Schema.Int }) {}

/** Ends the command with a line on stderr and a code. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  message: Schema.String,
  code: Schema.Int
}) {}
