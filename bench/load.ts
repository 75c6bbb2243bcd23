/**
 * A process of its own that creates orders at a constant rate: `node bench/load.ts URL RATE SECONDS`. When each request is
 * due is fixed beforehand, and its latency counts from then: a server that stalls does not slow its load down.
 */
import { Effect, Semaphore } from "effect"
import { makeLoadClient } from "../src/app/cli/LoadClient.ts"
import { at, histogram, note } from "./Latency.ts"

const [url = "", rateText = "", secondsText = ""] = process.argv.slice(2)
const [rate, seconds] = [Number(rateText), Number(secondsText)]

const skus = Array.from({ length: 100 }, (_, i) => `load-${i}`)

/** Requests of the first second are of connecting. */
const warmUp = rate

const orderOf = (i: number) => ({
  userId: `user-${i % 2_000}`,
  email: "load@example.com",
  currency: "EUR",
  items: [{ sku: skus[i % skus.length], quantity: 1, unitPrice: 1_250 }]
})

const load = Effect.gen(function* () {
  const { send } = yield* makeLoadClient(url)
  yield* Effect.forEach(skus, (sku) => send("PUT", `/inventory/${sku}`, { available: 1_000_000_000 }, sku))
  const seen = histogram()
  let refused = 0
  const run = `${process.pid}`
  const beganAt = performance.now() + 100
  const count = rate * seconds
  const one = (i: number) => {
    const dueAt = beganAt + (i * 1_000) / rate
    return send("POST", "/orders", orderOf(i), `${run}-${i}`).pipe(
      Effect.match({
        onFailure: () => void (refused += 1),
        onSuccess: () => (i >= warmUp ? note(seen, performance.now() - dueAt) : undefined)
      })
    )
  }
  let next = 0
  const open = yield* Semaphore.make(20_000)
  while (next < count) {
    const due = Math.min(count, Math.floor(((performance.now() - beganAt) * rate) / 1_000) + 1)
    for (; next < due; next++) yield* Effect.forkChild(open.withPermit(one(next)))
    yield* Effect.sleep(1)
  }
  const sentMs = performance.now() - beganAt
  yield* Effect.repeat(Effect.sleep(20), {
    until: () => seen.totalCount + refused >= count - warmUp
  })
  return {
    achieved: (count * 1_000) / (performance.now() - beganAt),
    sentPerSecond: (count * 1_000) / sentMs,
    refused,
    p50: at(seen, 50),
    p99: at(seen, 99),
    p999: at(seen, 99.9),
    max: at(seen, 100)
  }
})

process.stdout.write(`${JSON.stringify(await Effect.runPromise(Effect.scoped(load)))}\n`)
process.exit(0)
