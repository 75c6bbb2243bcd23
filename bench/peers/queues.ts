/** Job queues on Postgres, configured for speed as their own documentation recommends. The jobs do nothing. */
import { Logger, run as runGraphile, type Runner, runMigrations } from "graphile-worker"
import { Effect } from "effect"
import { Pool } from "pg"
import { PgBoss } from "pg-boss"

let queues = 0

/** It has a line for every job. */
const quiet = new Logger(() => () => {})

/** Rate from the first tenth to the end, by a counter that every job raises. */
const rateOf = (count: number, start: (tick: (by: number) => void) => Promise<() => Promise<void>>) =>
  Effect.promise(async () => {
    let seen = 0
    let beganAt = 0
    let began = 0
    const { promise: done, resolve: finish } = Promise.withResolvers<number>()
    const stop = await start((by) => {
      seen += by
      if (beganAt === 0 && seen >= count / 10) [beganAt, began] = [performance.now(), seen]
      if (seen >= count) finish(((seen - began) * 1_000) / (performance.now() - beganAt))
    })
    const rate = await done
    await stop()
    return rate
  })

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
