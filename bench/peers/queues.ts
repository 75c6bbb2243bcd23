/** Job queues on Postgres, configured for speed as their own documentation recommends. The jobs do nothing. */
import { Logger, run as runGraphile, type Runner, runMigrations } from "graphile-worker"
import { Effect } from "effect"
import { Pool } from "pg"
import { PgBoss } from "pg-boss"
import { rateOf } from "./rateOf.ts"

let queues = 0

/** It has a line for every job. */
const quiet = new Logger(() => () => {})

/** pg-boss: batches of 500, four workers, polling every half second. */
export const pgBoss = (url: string, count: number) =>
  Effect.gen(function* () {
    const boss = new PgBoss({ connectionString: url, max: 10 })
    boss.on("error", () => {})
    yield* Effect.promise(() => boss.start())
    const queue = `bench-${(queues += 1)}`
    yield* Effect.promise(() => boss.createQueue(queue))
    for (let from = 0; from < count; from += 1_000) {
      const jobs = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => ({ data: { i: from + i } }))
      yield* Effect.promise(() => boss.insert(queue, jobs))
    }
    const rate = yield* rateOf(count, async (tick) => {
      for (let worker = 0; worker < 4; worker++)
        await boss.work(queue, { batchSize: 500, pollingIntervalSeconds: 0.5 }, async (jobs) => tick(jobs.length))
      return () => boss.stop({ graceful: true })
    })
    return rate
  })

/** graphile-worker: as it comes, or as its own performance test runs it. */
export const graphileWorker = (url: string, count: number, how: "default" | "tuned") =>
  Effect.gen(function* () {
    const task = `bench_${(queues += 1)}`
    const pool = new Pool({ connectionString: url, max: 20 })
    pool.on("error", () => {})
    yield* Effect.promise(() => runMigrations({ pgPool: pool }))
    yield* Effect.promise(() =>
      pool.query(
        `SELECT graphile_worker.add_jobs(ARRAY(SELECT json_populate_record(NULL::graphile_worker.job_spec,
          json_build_object('identifier', $1::text, 'payload', json_build_object('i', i))) FROM generate_series(1, $2::int) AS i))`,
        [task, count]
      )
    )
    const rate = yield* rateOf(count, async (tick) => {
      const preset =
        how === "tuned"
          ? {
              worker: { concurrentJobs: 24, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
            }
          : { worker: { concurrentJobs: 10 } }
      const runner: Runner = await runGraphile({
        pgPool: pool,
        preset,
        noHandleSignals: true,
        logger: quiet,
        taskList: { [task]: () => tick(1) }
      })
      return () => runner.stop()
    })
    yield* Effect.promise(() => pool.end())
    return rate
  })
