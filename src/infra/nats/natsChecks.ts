import { jetstreamManager, type JetStreamManager, type StreamInfo } from "@nats-io/jetstream"
import { Duration, Effect, type Redacted } from "effect"
import { type Check, check, failed, ok, warning } from "../../pipeline/Check.ts"
import { clockCheck } from "../../pipeline/clockCheck.ts"
import type { LogDeclaration } from "../../pipeline/EventLog.ts"
import type { BrokerRefused, BrokerUnavailable } from "../../pipeline/PipelineError.ts"
import { streamNameOf } from "./NatsEventLog.ts"
import { NatsConnection } from "./NatsConnection.ts"
import { call } from "./natsFailure.ts"
import { driftResult, replicasResult, sizeResult, windowResult } from "./natsStreamResults.ts"
import { isStreamMissing, type StreamOptions } from "./StreamDeclaration.ts"

/** Atomic batches with message ids came with 2.12.1; the fence's behaviour is verified from 2.14 on. */
const minorMin = 14

/** What the pipeline means to do with a nats-server. */
export interface NatsCheckOptions extends StreamOptions {
  readonly url: Redacted.Redacted
  readonly declaration: LogDeclaration
  /** How long the outbox keeps what was published. */
  readonly keptSeconds: number
  /** One of a laptop: it may lose what the disk had not got when the machine itself fails. */
  readonly embedded: boolean
}

const remedy =
  "check NATS_URL, that the server runs with JetStream (nats-server -js), and that its user may publish to $JS.API.> and subscribe to its inbox"

/** Whether this nats-server can carry the stream. */
export const natsChecks = (options: NatsCheckOptions): ReadonlyArray<Check> => {
  const { connected, manager, stream } = looks(options)
  const onStream = (name: string, result: (info: StreamInfo) => ReturnType<typeof ok>) =>
    check(
      name,
      remedy,
      Effect.map(stream, (info) => (info === undefined ? noStream : result(info)))
    )
  return [
    check("nats", remedy, Effect.map(connected, versionResult)),
    check("jetstream", remedy, Effect.map(manager, accountResult)),
    onStream("stream drift", (info) => driftResult(info, options)),
    onStream("duplicate window", (info) => windowResult(info, options)),
    onStream("replicas", replicasResult),
    onStream("stream size", sizeResult),
    check("nats durability", remedy, Effect.succeed(durabilityResult(options))),
    clockCheck("nats", remedy, Effect.andThen(Effect.ignore(connected), streamTime(stream)))
  ]
}

const noStream = ok("the stream is not there yet: it is made at the first start")

type Failure = BrokerRefused | BrokerUnavailable

/** Each look by a connection of its own: what one of them finds does not hang on another. */
const looks = ({ declaration, url }: NatsCheckOptions) => {
  const withConnection = <A, E>(use: (nats: NatsConnection["Service"]) => Effect.Effect<A, E>) =>
    Effect.flatMap(NatsConnection, use).pipe(
      Effect.provide(NatsConnection.layer({ url, name: "millrace doctor", patience: Duration.zero }))
    )
  const managing = <A>(operation: string, use: (manager: JetStreamManager) => Promise<A>) =>
    withConnection(({ connection }) =>
      call(operation, () => jetstreamManager(connection, { checkAPI: false }).then(use))
    )
  const stream: Effect.Effect<StreamInfo | undefined, Failure> = managing("STREAM.INFO", (manager) =>
    manager.streams.info(streamNameOf(declaration.name))
  ).pipe(Effect.catchIf(isStreamMissing, () => Effect.undefined))
  return {
    connected: withConnection(({ connection }) => Effect.sync(() => connection.info?.version ?? "0.0.0")),
    manager: managing("account info", (manager) => manager.getAccountInfo()),
    stream
  }
}

const streamTime = (stream: Effect.Effect<StreamInfo | undefined, Failure>) =>
  Effect.map(stream, (info) => (info?.ts === undefined ? undefined : Date.parse(info.ts)))

const accountResult = ({
  consumers,
  limits,
  storage,
  streams
}: Awaited<ReturnType<JetStreamManager["getAccountInfo"]>>) => {
  const said = `on, ${streams} streams, ${consumers} consumers`
  if (limits.max_storage <= 0) return ok(said)
  const share = storage / limits.max_storage
  return share < 0.8
    ? ok(`${said}, ${Math.round(share * 100)} % of the account's storage`)
    : warning(
        `${said}, ${Math.round(share * 100)} % of the account's storage is used`,
        "raise the account's max_storage, or lower STREAM_MAX_BYTES: beyond it events wait in the outbox"
      )
}

const versionResult = (version: string) => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major < 2 || (major === 2 && minor < minorMin))
    return failed(`version ${version}`, `use nats-server 2.${minorMin} or newer, 2.15 at best`)
  return major === 2 && minor < 15
    ? warning(`version ${version}`, "2.15 groups its disk writes per batch; it is the recommended version")
    : ok(`version ${version}`)
}

/** A client cannot ask a nats-server how it syncs, so this is about what stands in for it. */
const durabilityResult = ({ embedded, keptSeconds, replicas }: NatsCheckOptions) => {
  if (replicas > 1) return ok(`${replicas} copies of each event`)
  if (keptSeconds > 0) return ok(`one copy, and the outbox keeps what was published for ${keptSeconds} s`)
  return embedded
    ? ok("embedded: what was acknowledged survives a kill, not a power cut of this machine")
    : warning(
        "one copy, and the outbox keeps nothing: a power cut loses what the server had not synced, which a client cannot see",
        "set `sync_interval: always` in its jetstream block and take this for done; or OUTBOX_KEEP_SECONDS above its sync_interval (120 by default); or STREAM_REPLICAS=3"
      )
}
