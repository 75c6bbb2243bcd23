import "effect/schema/SchemaJITCompiler/enable"
import { Command } from "effect/cli"
import { millrace } from "./cli/millrace.ts"
import { runCommand } from "./cli/runCommand.ts"
import { appVersion } from "./version.ts"

runCommand(Command.run(millrace, { version: appVersion }))
