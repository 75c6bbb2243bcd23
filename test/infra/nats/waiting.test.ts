import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Logger, Redacted } from "effect"
import { NatsConnection } from "../../../src/infra/nats/NatsConnection.ts"
import { freePort } from "../../support/servers/TestServers.ts"

describe("a server that is not there yet", () => {
  const connecting = Effect.fnUntraced(function* (patience: Duration.Duration) {
    const said: Array<unknown> = []
    const port = yield* freePort
    const url = Redacted.make(`nats://app:secret@127.0.0.1:${port}`)
    const error = yield* Effect.void.pipe(
      Effect.provide(NatsConnection.layer({ url, name: "test", patience })),
      Effect.flip,
      Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))]))
    )
    return { address: `nats://127.0.0.1:${port}`, message: error.message, said: said.map(String) }
  })

  it.live("is waited for, which is said once, with its address and without the password", () =>
    Effect.gen(function* () {
      const { address, message, said } = yield* connecting(Duration.millis(1_200))
      assert.strictEqual(message, `connect to NATS at ${address}: NATS did not answer (connection refused)`)
      assert.deepStrictEqual(said, [`no NATS at ${address} yet (connection refused); waiting 1s 200ms for it`])
    })
  )

  it.live("is not waited for without patience", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* connecting(Duration.zero)).said, [])
    })
  )
})
