// Random histories on the memory adapters: MILLRACE_SEEDS=10000 runs more of them (from MILLRACE_FIRST_SEED on),
// MILLRACE_SEED=210 one again.
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parkedAs } from "../../src/pipeline/Parked.ts"
import type { History } from "../../src/testing/History.ts"
import { isDoneWell } from "../support/Ledger.ts"
import { runHistory } from "../support/World.ts"

const historiesDefault = 400

const numberFrom = (name: string): number | undefined => {
  const text = process.env[name]
  return text === undefined || text === "" ? undefined : Number(text)
}

const firstSeed = numberFrom("MILLRACE_FIRST_SEED") ?? 1

const onlySeed = numberFrom("MILLRACE_SEED")

const seeds =
  onlySeed === undefined
    ? Array.from({ length: numberFrom("MILLRACE_SEEDS") ?? historiesDefault }, (_, i) => firstSeed + i)
    : [onlySeed]

/** How much has to happen in all histories together, or they prove nothing. */
const happened = (histories: ReadonlyArray<Sum>) => {
  const sum = (count: (of: Sum) => number) => histories.reduce((total, of) => total + count(of), 0)
  return {
    events: sum((of) => of.committed),
    "rolled back": sum((of) => of.rolledBack),
    parked: sum((of) => of.parked),
    "repeated effects": sum((of) => of.repeated),
    "failed attempts": sum((of) => of.failed),
    departures: sum((of) => of.left),
    crashes: sum((of) => of.crashed),
    freezes: sum((of) => of.frozen),
    "lost tails": sum((of) => of.tailsLost),
    "ended processes": sum((of) => of.ended),
    "replayed keys": sum((of) => of.replayed)
  }
}

type Sum = ReturnType<typeof sumOf>

const sumOf = ({ committed, counts, made, rolledBack, tables }: History) => {
  const effects = [...made.values()].flat()
  const first = new Set(effects.map(({ idempotencyKey }) => idempotencyKey))
  return {
    committed: committed.length,
    rolledBack: rolledBack.length,
    parked: tables.parked.length,
    repeated: effects.length - first.size,
    failed: counts.attempts - effects.length,
    left: counts.left,
    crashed: counts.crashed,
    frozen: counts.frozen,
    tailsLost: counts.tailsLost,
    replayed: counts.replayed,
    ended: counts.ended
  }
}

/** Events that were given up as ending their process, and that nothing is wrong with. */
const innocent = ({ seed, tables }: History) =>
  [...tables.parkedKeys.values()]
    .filter(({ reason }) => reason.tag === "ProcessEnded")
    .flatMap(({ handler, key }) => {
      const first = tables.parked.find((one) => one.handler === handler && parkedAs(one) === key)?.event
      return first !== undefined && !isDoneWell(seed, handler, first) ? [] : [`${handler} ${key} ${first?.version}`]
    })

/** What can be compared of two runs: event ids are drawn anew by each. */
const outline = ({ committed, made, tables }: History) => ({
  committed: committed.map(({ key, version }) => [key, version]),
  made: [...made].map(([handler, effects]) => [handler, effects.map(({ key, version }) => [key, version])]),
  parked: tables.parked.map(({ event, handler, reason }) => [handler, event.key, event.version, reason])
})

describe("per-key order through writers, relays and handlers", () => {
  it.live(
    `holds in ${seeds.length} random histories of handovers, crashes, freezes, lost answers and failing handlers`,
    () =>
      Effect.gen(function* () {
        const sums: Array<Sum> = []
        for (const seed of seeds) {
          const history = yield* runHistory(seed)
          const { faults } = history
          if (faults.length > 0) {
            assert.fail(`seed ${seed} (again: MILLRACE_SEED=${seed}), ${faults.length} faults\n${faults.join("\n")}`)
          }
          assert.deepStrictEqual(innocent(history), [], `seed ${seed}: parked for what others did`)
          sums.push(sumOf(history))
        }
        if (onlySeed !== undefined) return
        for (const [what, count] of Object.entries(happened(sums))) assert.isAbove(count, seeds.length / 4, what)
      }),
    { timeout: 60_000 + seeds.length * 500 }
  )

  it.live("is replayed exactly by its seed", () =>
    Effect.gen(function* () {
      for (const seed of [3, 4, 5]) {
        assert.deepStrictEqual(outline(yield* runHistory(seed)), outline(yield* runHistory(seed)))
      }
    })
  )
})
