import { connect, type ConnectionOptions, type NatsConnection as Connection } from "@nats-io/transport-node"
import { Context, Duration, Effect, Layer, Redacted, Schedule, type Scope } from "effect"
import { BrokerUnavailable } from "../../pipeline/PipelineError.ts"
import { signal } from "../../pipeline/Signals.ts"
import { natsLogin } from "./NatsLogin.ts"

/** How the pipeline connects to NATS, and how it shows itself there. */
export interface NatsOptions {
  /** `nats://[user[:password]@]host[:port]`, several separated by commas; `tls://` for TLS. */
  readonly url: Redacted.Redacted
  /** Shown by the server's monitoring. */
  readonly name: string
  /** How long a server that does not answer yet is tried at the start; 30 s unless said otherwise. */
  readonly patience?: Duration.Duration
}

/**
 * What a connection has to be opened with, here or by the application; times are in milliseconds. By its defaults the client reconnects
 * ten times and then never again, and does not notice a dead peer for minutes.
 */
export const healing = {
  maxReconnectAttempts: -1,
  // Otherwise two refusals in a row, as while passwords are rolled, end the connection for ever.
  ignoreAuthErrorAbort: true,
  reconnectTimeWait: 250,
  reconnectJitter: 250,
  pingInterval: 5_000,
  maxPingOut: 2,
  timeout: 5_000
} as const

const patienceDefault = Duration.seconds(30)

/**
 * One connection to NATS, kept alive for ever: it reconnects by itself, and tells those whose state died with the old
 * one. Says so once per change of state.
 */
export class NatsConnection extends Context.Service<
  NatsConnection,
  {
    readonly connection: Connection
    /**
     * Called whenever the connection is lost, and when it is back: deliveries do not come, and memory consumers may be gone.
     * Returns how to stop listening.
     */
    readonly onInterruption: (listener: (reason: string) => void) => () => void
  }
>()("millrace/infra/nats/NatsConnection") {
  static readonly layer = (options: NatsOptions): Layer.Layer<NatsConnection, BrokerUnavailable> =>
    Layer.effect(NatsConnection, Effect.flatMap(own(options), watched))

  /** A connection of the application's own, which stays open. */
  static readonly layerFrom = (connection: Connection): Layer.Layer<NatsConnection> =>
    Layer.effect(NatsConnection, watched(connection))
}

const own = (options: NatsOptions) =>
  Effect.acquireRelease(open(options), (nc) => Effect.promise(() => nc.close()), { interruptible: true })

const watched = Effect.fnUntraced(function* (connection: Connection) {
  const listeners = new Set<(reason: string) => void>()
  yield* watch(connection, listeners).pipe(Effect.forkScoped)
  return NatsConnection.of({
    connection,
    onInterruption: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  })
})

const open = (options: NatsOptions): Effect.Effect<Connection, BrokerUnavailable> => {
  const { patience = patienceDefault, url } = options
  const address = natsLogin(Redacted.value(url)).servers.join(", ")
  const attempt = Effect.tryPromise({
    try: () => connect(connectOptions(options)),
    catch: (cause) =>
      new BrokerUnavailable({
        operation: `connect to NATS at ${address}`,
        detail: cause instanceof Error ? cause.message : String(cause)
      })
  })
  if (Duration.isZero(patience)) return attempt
  const again = Effect.retry(attempt, Schedule.spaced("500 millis").pipe(Schedule.upTo({ duration: patience })))
  return Effect.catch(attempt, ({ detail }) =>
    Effect.andThen(
      Effect.logWarning(`no NATS at ${address} yet (${detail}); waiting ${Duration.format(patience)} for it`),
      again
    )
  )
}

const connectOptions = ({ name, url }: NatsOptions): ConnectionOptions => {
  const { servers, ...login } = natsLogin(Redacted.value(url))
  return { ...healing, ...login, name, servers: [...servers], ...(servers.some(isTls) ? { tls: {} } : {}) }
}

const isTls = (server: string) => server.startsWith("tls://")

const watch = Effect.fnUntraced(function* (
  connection: Connection,
  listeners: ReadonlySet<(reason: string) => void>
): Effect.fn.Return<void, never, Scope.Scope> {
  const statuses = connection.status()[Symbol.asyncIterator]()
  while (true) {
    const next = yield* Effect.promise(() => statuses.next())
    if (next.done === true) return
    const { type } = next.value
    if (type !== "disconnect" && type !== "reconnect") continue
    for (const listener of listeners) listener(`the connection to NATS: ${type}`)
    yield* signal({ _tag: type === "disconnect" ? "ConnectionLost" : "ConnectionRestored", peer: "NATS" })
  }
})
