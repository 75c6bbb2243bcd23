// The long figures, one after the other: `pnpm test:long [histories] [cycles]`. Each line says how to repeat it.
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

const [histories = "50000", cycles = "100"] = process.argv.slice(2)

/** Runs a part with this Node; its talk is shown, its verdict is its exit code. */
const run = (name: string, args: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) => {
  const begin = performance.now()
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: "inherit"
  })
  const seconds = Math.round((performance.now() - begin) / 1_000)
  return { line: `${status === 0 ? "held  " : "BROKEN"}  ${name}  (${seconds} s)`, held: status === 0 }
}

const vitest = join(root, "node_modules/vitest/vitest.mjs")

const drill = (name: string, strikes: number, blow?: string) => {
  const size = ["--cycles", String(strikes), "--events", String(strikes * 150)]
  const how = blow === undefined ? [] : ["--blow", blow]
  return run(`${strikes} times ${name} ${blow ?? "kill"}`, ["src/app/main.ts", "drill", name, ...size, ...how])
}

const parts = [
  run(`${histories} random histories`, [vitest, "run", "test/pipeline/ordering.test.ts"], {
    MILLRACE_SEEDS: histories
  }),
  ...["broker", "postgres"].map((name) => drill(name, Number(cycles))),
  ...["relay", "worker"].flatMap((name) => [
    drill(name, Number(cycles), "kill"),
    drill(name, 2 * Number(cycles), "zombie")
  ])
]

process.stdout.write(`\n${parts.map(({ line }) => line).join("\n")}\n`)
process.exitCode = parts.every(({ held }) => held) ? 0 : 1
