import { Schema } from "effect"
import { readFileSync } from "node:fs"

const Manifest = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

/** The package's version, read from its manifest so that there is one place to change it. */
export const appVersion: string = Schema.decodeSync(Manifest)(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8")
).version
