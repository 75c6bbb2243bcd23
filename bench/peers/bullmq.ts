import { Queue, Worker } from "bullmq"
import { Effect } from "effect"
import { rateOf } from "./rateOf.ts"

/** Jobs that a worker has in hand. Its documentation shows 50; of 50, 100 and 300 this was the fastest. */
export const bullMqConcurrency = 300

let queues = 0

/** BullMQ: added in bulk, one worker, finished jobs removed at once. */
export const bullMq = (port: number, count: number) =>
  Effect.gen(function* () {
    const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null }
    const name = `bench-${(queues += 1)}`
    const queue = new Queue(name, { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: true } })
    for (let from = 0; from < count; from += 1_000) {
      const jobs = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => ({
        name: "job",
        data: { i: from + i }
      }))
      yield* Effect.promise(() => queue.addBulk(jobs))
    }
    const rate = yield* rateOf(count, async (tick) => {
      const worker = new Worker(name, async () => tick(1), { connection, concurrency: bullMqConcurrency })
      worker.on("error", () => {})
      return () => worker.close()
    })
    yield* Effect.promise(() => queue.close())
    return rate
  })
