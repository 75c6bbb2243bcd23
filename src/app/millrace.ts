#!/usr/bin/env node
import { Predicate } from "effect"

const platform = "@effect/platform-node"

/** The platform is an optional peer: who has only the library gets a line, and no stack trace. */
const isMissing = (error: unknown) =>
  Predicate.hasProperty(error, "code") && error.code === "ERR_MODULE_NOT_FOUND" && String(error).includes(platform)

const sayMissing = () => {
  process.stderr.write(`millrace needs ${platform}: npm install ${platform}\n`)
  process.exitCode = 1
}

await import("./cli/runOperate.ts").catch((error: unknown) => (isMissing(error) ? sayMissing() : Promise.reject(error)))
