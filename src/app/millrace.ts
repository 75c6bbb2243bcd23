#!/usr/bin/env node
import { Predicate, Schema } from "effect"
import { readFileSync } from "node:fs"

const platform = "@effect/platform-node"

/** The platform is an optional peer: who has only the library gets a line, and no stack trace. */
const isMissing = (error: unknown) =>
  Predicate.hasProperty(error, "code") && error.code === "ERR_MODULE_NOT_FOUND" && String(error).includes(platform)

const end = (line: string) => {
  process.stderr.write(`${line}\n`)
  process.exitCode = 1
}

const sayMissing = () => end(`millrace needs ${platform}: npm install ${platform}`)

const Manifest = Schema.fromJsonString(Schema.Struct({ engines: Schema.Struct({ node: Schema.String }) }))

/** What the package's manifest asks for. Installing only warns of it. */
const nodeMin = Schema.decodeSync(Manifest)(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8")
).engines.node.replace(">=", "")

const isTooOld = process.versions.node.localeCompare(nodeMin, "en", { numeric: true }) < 0

if (isTooOld) end(`millrace needs Node ${nodeMin} or newer, and this is ${process.versions.node}`)
else
  await import("./cli/runOperate.ts").catch((error: unknown) =>
    isMissing(error) ? sayMissing() : Promise.reject(error)
  )
