#!/usr/bin/env node
import { Effect } from "effect"
import { Command } from "effect/cli"
import { asMillrace, operate } from "./cli/operate.ts"
import { runCommand } from "./cli/runCommand.ts"
import { appVersion } from "./version.ts"

runCommand(Command.run(operate, { version: appVersion }).pipe(Effect.provide(asMillrace)))
