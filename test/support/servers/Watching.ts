/** What watching costs: a process that serves the console only, beside a pipeline that handles 5,000 events a second. */
import { PgClient } from "@effect/sql-pg"
import { DateTime, Effect, Layer, Schedule } from "effect"
import { readFileSync } from "node:fs"
import * as NatsPipeline from "../../../src/infra/nats/NatsPipeline.ts"
import * as PgOutbox from "../../../src/infra/postgres/PgOutbox.ts"
import * as PgTransactor from "../../../src/infra/postgres/PgTransactor.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { Orders } from "../../../src/app/orders/Orders.ts"
import { OrderShipped } from "../../../src/domain/OrderEvent.ts"
import { OrderId, UserId, Email } from "../../../src/domain/Ids.ts"
import { runApp, startPipeline } from "./AppProcess.ts"
import { at } from "./Http.ts"
import { startServers } from "./TestServers.ts"

const perSecond = 5_000
const batch = 250
const warmUpSeconds = 15
const seconds = 60
const partitions = 64
const keys = 20_000

/** Clock ticks a process has used, a hundred of which are a second. */
const ticksOf = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return Number(fields[11]) + Number(fields[12])
}

let appended = 0

const shipped = (i: number) =>
  OrderShipped.make({
    schemaVersion: 1,
    orderId: OrderId.make(`o-${i}`),
    userId: UserId.make(`u-${i % keys}`),
    email: Email.make("ada@example.com"),
    occurredAt: DateTime.makeUnsafe("2026-11-26T12:00:00Z"),
    carrier: "post",
    trackingNumber: "1"
  })

/** Appends at a constant rate, whatever becomes of it. */
const feed = Effect.gen(function* () {
  const { run } = yield* Transactor
  const some = Effect.suspend(() => {
    const events = Array.from({ length: batch }, () => shipped(appended++))
    return run(Orders.append(events))
  })
  yield* Effect.repeat(some, Schedule.fixed((1_000 * batch) / perSecond))
})

/** Reads the live feed like a console, and counts frames. */
const read = Effect.fnUntraced(function* (url: string, frames: { count: number }) {
  yield* Effect.promise(async (signal) => {
    const answer = await fetch(`${url}/ops/live`, { signal })
    for await (const part of answer.body ?? []) frames.count += Buffer.from(part).toString().split("\n\n").length - 1
  })
})

type Check = (what: string, holds: boolean) => Effect.Effect<void>

/** The cost in CPU of a process with the role `ops`, with two consoles that watch. */
export const watching = Effect.fnUntraced(function* (check: Check) {
  const { databaseUrl, environment, natsUrl } = yield* startServers(false)
  const settings = { ...environment, PARTITIONS: String(partitions) }
  yield* startPipeline(settings, ["--role", "relay,worker"])
  const { pid, stderr } = yield* startPipeline(settings, ["--role", "ops"])
  const url = /^ {2}console +(http:\S+)\/console/m.exec(stderr())?.[1] ?? ""
  for (const handler of ["mail", "push"]) yield* runApp(["pause", handler, "--url", url])
  const outbox = Layer.merge(PgOutbox.layer, PgTransactor.layer).pipe(
    Layer.provide(PgClient.layer({ url: databaseUrl, maxConnections: 2 })),
    Layer.provide(NatsPipeline.layer({ url: natsUrl, name: "feed" }))
  )
  yield* Effect.forkScoped(Effect.provide(feed, outbox))
  const frames = { count: 0 }
  for (const _ of [1, 2]) yield* Effect.forkScoped(read(url, frames))
  yield* Effect.sleep(`${warmUpSeconds} seconds`)
  const overview = Effect.promise(async () => (await fetch(`${url}/ops/overview`)).json() as Promise<unknown>)
  const [before, beganMs, from] = [ticksOf(pid), Date.now(), yield* overview]
  frames.count = 0
  yield* Effect.sleep(`${seconds} seconds`)
  const [after, endedMs, to] = [ticksOf(pid), Date.now(), yield* overview]
  const took = (endedMs - beganMs) / 1_000
  const share = (after - before) / took
  const published = (Number(at(to, "broker", "lastSeq")) - Number(at(from, "broker", "lastSeq"))) / took
  const rate = Math.round(published)
  yield* check(`${rate} events/s were published of ${perSecond} that were to be`, published > 0.9 * perSecond)
  yield* check(`${Number(at(to, "rates", "handled"))} effects/s in ${partitions} partitions of each handler`, true)
  yield* check(`two consoles got ${(frames.count / took / 2).toFixed(1)} frames/s each`, frames.count > 0)
  yield* check(`serving them took ${share.toFixed(1)} % of a core, and may take 2`, share < 2)
})
