/** Whether a command line would be understood, without doing what it says. */
import { NodeServices } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { CliError, Command } from "effect/cli"

// A command's own type says what it is given, which does not matter here.
// oxlint-disable-next-line typescript/no-explicit-any -- see above
type AnyCommand = any

/** The same commands and flags, none of which does anything. */
const idle = (command: AnyCommand): AnyCommand => {
  const groups = command.subcommands.map((group: AnyCommand) => ({ ...group, commands: group.commands.map(idle) }))
  return groups.length === 0
    ? Command.withHandler(command, () => Effect.void)
    : Command.withSubcommands(Command.make(command.name), groups)
}

/** Quiet: help is printed with every mistake. */
const silent = Effect.map(Console.Console, (own) => ({ ...own, log: () => {}, error: () => {} }))

/** What is wrong with each of these, as tags of `CliError`; empty when it would be run. */
export const parserOf = (command: Command.Command.Any) => {
  const parse = Command.runWith(idle(command), { version: "0" })
  return (words: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
    Effect.runPromise(
      parse(words).pipe(
        Effect.as([]),
        Effect.catch((error: unknown) =>
          CliError.isCliError(error) ? Effect.succeed(tagsOf(error)) : Effect.die(error)
        ),
        Effect.provideServiceEffect(Console.Console, silent),
        Effect.provide(NodeServices.layer)
      ) as Effect.Effect<ReadonlyArray<string>>
    )
}

const tagsOf = (error: CliError.CliError): ReadonlyArray<string> =>
  error._tag === "ShowHelp" ? error.errors.map(({ _tag }) => _tag) : [error._tag]
