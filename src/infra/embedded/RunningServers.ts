/** The embedded servers of another process of this user, to be looked at while it runs. */
import { join } from "node:path"
import { Effect, Option, Redacted } from "effect"
import { readIfPresent } from "./HostFiles.ts"
import { natsUser, portIn } from "./NatsConfig.ts"
import { liveOwner } from "./OwnerFile.ts"
import { postgresName, runningCluster } from "./PostgresCluster.ts"
import { openDataDir } from "./ServerOptions.ts"

/** Where they are. They stop with the process that owns them. */
export interface RunningServers {
  readonly databaseUrl: Redacted.Redacted
  readonly natsUrl: string
}

/** Those that live in this folder; none while no process owns both, and those that start it would be ours. */
export const runningServers = Effect.fnUntraced(function* (folder: string) {
  const dataDir = yield* openDataDir(folder)
  const owners = yield* Effect.forEach(["postgres", "nats"], (name) => liveOwner(join(dataDir, `${name}.owner`)))
  if (owners.some(Option.isNone)) return Option.none<RunningServers>()
  const postgres = yield* runningCluster(join(dataDir, "postgres"))
  const config = yield* readIfPresent(join(dataDir, "nats", "nats.conf"))
  const password = yield* readIfPresent(join(dataDir, "nats", "password"))
  return Option.map(Option.all({ postgres, config, password }), (found): RunningServers => {
    const login = `${postgresName}:${Redacted.value(found.postgres.password)}`
    return {
      databaseUrl: Redacted.make(`postgresql://${login}@127.0.0.1:${found.postgres.port}/${postgresName}`),
      natsUrl: `nats://${natsUser}:${found.password}@127.0.0.1:${portIn(found.config)}`
    }
  })
})
