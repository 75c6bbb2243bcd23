import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as NatsPipeline from "../../src/infra/nats/NatsPipeline.ts"
import * as PgPipeline from "../../src/infra/postgres/PgPipeline.ts"
import { handsOver, judgeHandover } from "../support/Rolling.ts"
import { startServers } from "../support/servers/TestServers.ts"

describe("a rolling deploy on Postgres and NATS", () => {
  it.live(
    "an old instance leaves what it cannot read to one that can, in order",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, natsUrl } = yield* startServers(false)
        const postgres = PgPipeline.layer({ url: databaseUrl, connectionsMax: 12, keepAlive: "20 seconds" })
        const stream = { name: "parcels", replicas: 1, maxBytes: 100_000_000, maxAgeDays: 1 } as const
        const nats = NatsPipeline.layer({ url: natsUrl, ...stream })
        const services = yield* Layer.build(Layer.provideMerge(postgres, nats))
        judgeHandover(yield* handsOver(services))
      }),
    60_000
  )
})
