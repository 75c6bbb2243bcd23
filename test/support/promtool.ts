import { spawnSync } from "node:child_process"

/** What a program that came with Prometheus says. */
export const promtool = (args: ReadonlyArray<string>, input = ""): { readonly code: number; readonly said: string } => {
  const { status, stderr, stdout } = spawnSync("promtool", args, { input, encoding: "utf8" })
  return { code: status ?? -1, said: `${stdout}${stderr}` }
}

/** Whether Prometheus is installed here: Debian's package `prometheus` has it and promtool. */
export const hasPrometheus = ["prometheus", "promtool"].every(
  (program) => spawnSync(program, ["--version"]).error === undefined
)

/** Told once by each file whose tests are skipped without it. */
export const skippedWithout = (what: string) => {
  if (!hasPrometheus)
    process.stderr.write(`skipped: ${what}; Prometheus is not installed (apt-get install prometheus)\n`)
}
