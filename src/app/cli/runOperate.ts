import { Effect } from "effect"
import { Command } from "effect/cli"
import { appVersion } from "../version.ts"
import { asMillrace, operate } from "./operate.ts"
import { runCommand } from "./runCommand.ts"

runCommand(Command.run(operate, { version: appVersion }).pipe(Effect.provide(asMillrace)))
