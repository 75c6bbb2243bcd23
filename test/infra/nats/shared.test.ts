import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Redacted, Schedule, Stream } from "effect"
import { cpSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { startNats } from "../../../src/infra/embedded/EmbeddedNats.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import * as NatsPipeline from "../../../src/infra/nats/NatsPipeline.ts"
import { EventLog, type SharedDelivery } from "../../../src/pipeline/EventLog.ts"
import { SignalSink } from "../../../src/pipeline/Signals.ts"
import { eventually } from "../../support/servers/Eventually.ts"
import { freshLog, rowsOf } from "./NatsWorld.ts"

/** A server of the test's own, to be killed, and its event log. */
const own = Effect.gen(function* () {
  const dataDir = yield* tempDataDir
  const server = yield* startNats({ dataDir, supervise: false })
  const url = Redacted.make(server.url)
  const services = yield* Layer.build(
    NatsPipeline.layer({ url, name: "test", replicas: 1, maxBytes: 50_000_000, maxAgeDays: 7 })
  )
  return { dataDir, server, services }
})

const untilBack = <A, E, R>(ask: Effect.Effect<A, E, R>) =>
  Effect.retry(ask, Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "30 seconds" })))

const from = { handler: "sums", generation: 0, afterSeq: 0, inHandMax: 50, ackWait: Duration.seconds(2) }

/** The files of a stream's messages. */
const messagesOf = (dataDir: string, name: string) => {
  const found = readdirSync(join(dataDir, "nats"), { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith(join("streams", name.toUpperCase(), "msgs"))
  )
  if (found === undefined) throw new Error(`no messages of ${name}`)
  return join(dataDir, "nats", found)
}

describe("a shared consumer in NATS", () => {
  it.live(
    "goes on through restarts of the server: everything is delivered, and the floor comes to the end",
    () =>
      Effect.gen(function* () {
        const { server, services } = yield* own
        yield* Effect.gen(function* () {
          const log = yield* EventLog
          const declaration = freshLog()
          yield* log.declare(declaration)
          const subscription = yield* log.share(declaration, from)
          const got = new Set<number>()
          yield* Effect.forkScoped(
            Stream.runForEachArray(subscription.events, (some) =>
              Effect.gen(function* () {
                for (const { stored } of some) got.add(stored.seq)
                yield* Effect.sleep(5)
                yield* subscription.acknowledge(some)
              })
            )
          )
          yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(700), subscription.inProgress)))
          let last = 0
          for (const downMs of [50, 1_500, 3_000]) {
            for (let i = 0; i < 5; i++) {
              const keys = Array.from({ length: 40 }, (_, k) => `k${k}`)
              last = (yield* log.publish(declaration, rowsOf(keys, last + 1), last)).seq
              yield* Effect.sleep(20)
            }
            yield* server.kill
            yield* Effect.sleep(downMs)
            yield* server.start
            last = (yield* untilBack(log.info(declaration.name))).lastSeq
          }
          yield* eventually(
            "all of them",
            Effect.sync(() => got.size >= last),
            40
          )
          yield* eventually(
            "a floor at the end",
            Effect.map(Effect.orDie(untilBack(subscription.position)), ({ floor }) => floor === last),
            20
          )
        }).pipe(Effect.provideContext(services))
      }).pipe(
        Effect.scoped,
        Effect.provideService(SignalSink, () => Effect.void)
      ),
    90_000
  )

  it.live(
    "delivers another event at a sequence that is in hand, and is not told that it is done",
    () =>
      Effect.gen(function* () {
        const { dataDir, server, services } = yield* own
        yield* Effect.gen(function* () {
          const log = yield* EventLog
          const declaration = freshLog()
          yield* log.declare(declaration)
          yield* log.publish(declaration, rowsOf(["a", "b"]), 0)
          yield* server.kill
          const messages = messagesOf(dataDir, declaration.name)
          const copy = join(dataDir, "copy")
          cpSync(messages, copy, { recursive: true })
          yield* server.start
          yield* untilBack(log.info(declaration.name))
          yield* log.publish(declaration, rowsOf(["c", "d"], 3), 2)
          const got: Array<SharedDelivery> = []
          const names = () => got.map(({ stored }) => `${stored.seq} ${stored.key}`)
          const subscription = yield* log.share(declaration, from)
          yield* Effect.forkScoped(
            Stream.runForEach(subscription.events, (one) => Effect.sync(() => void got.push(one)))
          )
          yield* eventually(
            "the first four",
            Effect.sync(() => got.length === 4)
          )
          yield* subscription.acknowledge(got.filter(({ stored }) => stored.key !== "d"))
          // The server comes back without 3 and 4, which go to others.
          yield* server.kill
          rmSync(messages, { recursive: true })
          cpSync(copy, messages, { recursive: true })
          yield* server.start
          assert.strictEqual((yield* untilBack(log.info(declaration.name))).lastSeq, 2)
          yield* untilBack(log.publish(declaration, rowsOf(["x", "y", "z"], 10), 2))
          yield* eventually(
            "what took their sequences",
            Effect.sync(() => ["3 x", "4 y", "5 z"].every((name) => names().includes(name))),
            20
          )
          // "d" is done, and is not "y".
          const all = Effect.suspend(() => subscription.acknowledge(got.filter(({ stored }) => stored.key !== "y")))
          // What was acknowledged before the kill may come again, and is acknowledged again.
          yield* eventually(
            "a floor behind x",
            Effect.andThen(
              all,
              Effect.map(Effect.orDie(subscription.position), ({ floor }) => floor === 3)
            )
          )
          yield* all
          yield* Effect.sleep("500 millis")
          assert.strictEqual((yield* subscription.position).floor, 3)
        }).pipe(Effect.provideContext(services))
      }).pipe(
        Effect.scoped,
        Effect.provideService(SignalSink, () => Effect.void)
      ),
    90_000
  )
})
