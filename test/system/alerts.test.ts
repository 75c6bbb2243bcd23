import { jetstreamManager } from "@nats-io/jetstream"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schedule, Scope } from "effect"
import { alertRules } from "../../src/ops/alertRules.ts"
import { query, withNats } from "../infra/embedded/Clients.ts"
import { hasPrometheus, skippedWithout } from "../support/promtool.ts"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { startPrometheus } from "../support/servers/Prometheus.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { freePort, startServers } from "../support/servers/TestServers.ts"

skippedWithout("every alert is driven to fire and to be over, by a real Prometheus")

const streamMaxBytes = 2_097_152

const token = "a token of sixteen letters"

/** A process that can be ended and started again at its address. */
const replaceable = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>>) {
  const port = String(yield* freePort)
  let scope = yield* Scope.make()
  const start = Effect.gen(function* () {
    scope = yield* Scope.make()
    return yield* startPipeline({ ...environment, PORT: port }).pipe(Scope.provide(scope))
  })
  let running = yield* start
  yield* Effect.addFinalizer(() => Effect.suspend(() => Scope.close(scope, Exit.void)))
  return {
    url: `http://127.0.0.1:${port}`,
    kill: Effect.suspend(() => running.signal("SIGKILL").pipe(Effect.andThen(running.exited))),
    start: Effect.map(start, (next) => void (running = next))
  }
})

/** Three processes with a part each, and the Prometheus that looks at them. */
const openWorld = Effect.gen(function* () {
  const { databaseUrl, environment, nats } = yield* startServers(true)
  const push = yield* pushReceiver
  const common = {
    ...environment,
    OPS_TOKEN: token,
    PUSH_WEBHOOK_URL: push.url,
    STREAM_MAX_BYTES: String(streamMaxBytes)
  }
  const api = yield* startPipeline({ ...common, ROLE: "api,ops" })
  const relay = yield* replaceable({ ...common, ROLE: "relay,ops", OUTBOX_KEEP_SECONDS: "600" })
  const worker = yield* replaceable({ ...common, ROLE: "worker,ops" })
  const prometheus = yield* startPrometheus([api.url, relay.url, worker.url], token)
  const shop = shopAt(api.url)
  yield* shop.setStock("lamp", 100_000)
  return {
    nats,
    push,
    relay,
    worker,
    prometheus,
    shop,
    sql: (text: string) => query(databaseUrl, text),
    stream: <A>(use: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<A>) =>
      withNats(environment.NATS_URL, async (connection) => use(await jetstreamManager(connection))),
    publish: (subject: string, text: string) =>
      withNats(environment.NATS_URL, async (connection) => {
        connection.publish(subject, text)
        await connection.flush()
      }),
    cli: (...args: ReadonlyArray<string>) => runApp([...args, "--url", api.url], { OPS_TOKEN: token })
  }
})

type World = Effect.Success<typeof openWorld>

/** Something that goes wrong, the alerts it has to raise, and what mends it. */
interface Episode {
  readonly what: string
  readonly alerts: ReadonlyArray<string>
  readonly cause: (world: World) => Effect.Effect<unknown, unknown, Scope.Scope>
  readonly cure: (world: World) => Effect.Effect<unknown, unknown, Scope.Scope>
}

const orders = (world: World, userId: string, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    () => world.shop.create({ userId }),
    { concurrency: 50, discard: true }
  )

const replayAll = ({ cli }: World) =>
  cli("parked", "replay", "--all").pipe(
    Effect.tap(({ code, stderr }) => Effect.sync(() => assert.strictEqual(code, 0, stderr)))
  )

/** Until the stream is nearly full, of more than a thousand events. */
const fill = (world: World) =>
  Effect.andThen(
    orders(world, "ada", 200),
    world.stream((manager) => manager.streams.info("ORDERS"))
  ).pipe(Effect.repeat({ until: ({ state }) => state.messages > 1_100 && state.bytes > 0.85 * streamMaxBytes }))

const episodes: ReadonlyArray<Episode> = [
  {
    what: "a receiver that refuses one user's pushes",
    alerts: ["ParkedKeys"],
    cause: (world) => {
      world.push.refuse((body) => (at(body, "userId") === "bad" ? 422 : undefined))
      return orders(world, "bad", 1)
    },
    cure: (world) => {
      world.push.refuse(() => undefined)
      return replayAll(world)
    }
  },
  {
    what: "a receiver that is down",
    alerts: ["RetriesHigh", "HandlerResting"],
    cause: (world) => {
      world.push.refuse(() => 503)
      return Effect.forEach(["a", "b", "c", "d", "e", "f"], (user) => orders(world, user, 2), { discard: true })
    },
    cure: ({ push }) => Effect.sync(() => push.refuse(() => undefined))
  },
  {
    what: "somebody who deletes the stream",
    alerts: ["StreamShrank"],
    cause: ({ stream }) =>
      stream((manager) => manager.streams.delete("ORDERS")).pipe(
        Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 20 })
      ),
    cure: () => Effect.void
  },
  {
    what: "workers that are killed under load, and then the relay, and nobody stands by",
    alerts: [
      "PartitionsUnowned",
      "BacklogStuck",
      "StreamNearlyFull",
      "NoLeader",
      "InstanceDown",
      "OutboxOld",
      "PendingEventsHigh"
    ],
    cause: (world) =>
      Effect.gen(function* () {
        yield* world.worker.kill
        yield* fill(world)
        yield* world.relay.kill
        yield* orders(world, "ada", 1)
        yield* world.sql("UPDATE millrace.outbox SET appended_at = appended_at - interval '1 minute'")
        yield* world.sql(`INSERT INTO millrace.outbox (stream, event_id, key, version, slot, type, traceparent, payload)
          SELECT 'orders', gen_random_uuid(), 'ghost', n, 0, 'created', '', '{}' FROM generate_series(1, 10001) n`)
      }),
    // What they find is old, and they claim everything anew. Who is gone is shown for a minute.
    cure: (world) =>
      Effect.gen(function* () {
        yield* world.sql("DELETE FROM millrace.outbox WHERE key = 'ghost'")
        yield* world.relay.start
        yield* world.worker.start
        yield* until(world, "what was left is handled", ["LatencyHigh", "LeasesFlapping"])
        const isThrough = world.prometheus.query("max(millrace_lag_events) == 0")
        yield* eventually(
          "everything handled",
          Effect.map(isThrough, (found) => found.length > 0),
          60
        )
        yield* world.stream((manager) => manager.streams.purge("ORDERS"))
      })
  },
  {
    what: "a nats-server that is down",
    alerts: ["PeerAway"],
    cause: ({ nats }) => nats.stop,
    cure: ({ nats }) => nats.start
  },
  {
    what: "somebody else who writes to the stream",
    alerts: ["OrderViolated", "ParkedKeys"],
    cause: ({ publish }) => publish("order.partition.0.created", "{}"),
    cure: (world) =>
      Effect.gen(function* () {
        const discarded = yield* world.cli("parked", "discard", "--all", "--why", "nobody's event")
        assert.strictEqual(discarded.code, 0, discarded.stderr)
        const why = "whoever wrote it has no rights any more"
        // The balanced handler does not know of it: the stream was purged, and does not begin with the first event.
        yield* eventually(
          "each ordered handler has found it",
          Effect.map(world.cli("violations", "list"), ({ stdout }) => stdout.includes("4 open"))
        )
        for (const handler of ["mail", "points", "push", "read-model"]) {
          const key = "(not written by the relay)"
          const acknowledged = yield* world.cli("violations", "acknowledge", handler, key, "--why", why)
          assert.strictEqual(acknowledged.code, 0, acknowledged.stderr)
        }
      })
  }
]

const namesFiring = ({ prometheus }: World) =>
  Effect.map(prometheus.firing, (alerts) => [...new Set(alerts.map(({ name }) => name))])

/** Until these fire, or none at all; says what does if not. */
const until = (world: World, what: string, wanted: ReadonlyArray<string>) =>
  eventually(
    `${what}: ${wanted.join(", ") || "no alert"}`,
    Effect.map(namesFiring(world), (names) =>
      wanted.length === 0 ? names.length === 0 : wanted.every((name) => names.includes(name))
    ),
    60
  ).pipe(
    Effect.catchDefect((defect) =>
      Effect.flatMap(namesFiring(world), (names) =>
        Effect.die(new Error(`${String(defect)}; firing: ${names.join(", ")}`))
      )
    )
  )

describe("the alert drill", () => {
  it.live.skipIf(!hasPrometheus)(
    "every alert fires when its cause is there, and is over when it is mended",
    () =>
      Effect.gen(function* () {
        const world = yield* openWorld
        const all = alertRules.map(({ name }) => name)
        yield* until(world, "before anything goes wrong", [])
        for (const { alerts, cause, cure, what } of episodes) {
          yield* cause(world)
          yield* until(world, what, alerts)
          yield* cure(world)
          yield* until(world, `${what}, mended`, [])
        }
        const driven = [...episodes.flatMap(({ alerts }) => alerts), "LatencyHigh", "LeasesFlapping"]
        assert.sameMembers([...new Set(driven)], all)
      }).pipe(Effect.scoped),
    400_000
  )
})
