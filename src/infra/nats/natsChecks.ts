import { jetstreamManager } from "@nats-io/jetstream"
import { Duration, Effect, type Redacted } from "effect"
import { type Check, check, failed, ok, warning } from "../../pipeline/Check.ts"
import { NatsConnection } from "./NatsConnection.ts"
import { call } from "./natsFailure.ts"

/** Atomic batches with message ids came with 2.12.1; the fence's behaviour is verified from 2.14 on. */
const minorMin = 14

/** Whether this nats-server can carry the stream. */
export const natsChecks = (url: Redacted.Redacted): ReadonlyArray<Check> => {
  const remedy = "check NATS_URL and that the server runs with JetStream (nats-server -js)"
  const withConnection = <A, E>(use: (nats: NatsConnection["Service"]) => Effect.Effect<A, E>) =>
    Effect.flatMap(NatsConnection, use).pipe(
      Effect.provide(NatsConnection.layer({ url, name: "millrace doctor", patience: Duration.zero }))
    )
  return [
    check(
      "nats",
      remedy,
      withConnection(({ connection }) => Effect.sync(() => versionResult(connection.info?.version ?? "0.0.0")))
    ),
    check(
      "jetstream",
      remedy,
      withConnection(({ connection }) =>
        call("account info", () =>
          jetstreamManager(connection, { checkAPI: false }).then((manager) => manager.getAccountInfo())
        ).pipe(Effect.map((info) => ok(`on, ${info.streams} streams, ${info.consumers} consumers`)))
      )
    )
  ]
}

const versionResult = (version: string) => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major < 2 || (major === 2 && minor < minorMin))
    return failed(`version ${version}`, `use nats-server 2.${minorMin} or newer, 2.15 at best`)
  return major === 2 && minor < 15
    ? warning(`version ${version}`, "2.15 groups its disk writes per batch; it is the recommended version")
    : ok(`version ${version}`)
}
