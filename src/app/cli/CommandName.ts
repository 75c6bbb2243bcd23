import { Context } from "effect"

/** How commands begin in this repository. */
export const ownCommand = "pnpm start"

/** How the commands of this program begin. */
export const CommandName = Context.Reference<string>("millrace/app/cli/CommandName", {
  defaultValue: () => ownCommand
})
