import { Option } from "effect"
import { Flag } from "effect/cli"
import { execFileSync } from "node:child_process"
import { BenchServers } from "./Servers.ts"

/** Flags that name servers. */
export const serverFlags = {
  databaseUrl: Flag.String("database-url").pipe(Flag.withDescription("A Postgres of yours"), Flag.optional),
  natsUrl: Flag.String("nats-url").pipe(Flag.withDescription("A nats-server of yours"), Flag.optional)
}

/** Text for people, or JSON. */
export const outputFlag = Flag.Literals("output", ["text", "json"]).pipe(Flag.withAlias("o"), Flag.withDefault("text"))

/** The servers that flags name, and embedded ones in place of the others. */
export const serversOf = (given: {
  readonly databaseUrl: Option.Option<string>
  readonly natsUrl: Option.Option<string>
}) =>
  BenchServers.layer({
    databaseUrl: Option.getOrUndefined(given.databaseUrl),
    natsUrl: Option.getOrUndefined(given.natsUrl)
  })

/** What was measured. */
export const commitOf = () => execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()
