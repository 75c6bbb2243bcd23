/** Runs other programs for the package's checks. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { dirname, delimiter } from "node:path"

/** With the Node that runs us first, whatever the machine's own is. */
const environment = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  CI: "1",
  NO_COLOR: "1",
  npm_config_yes: "true",
  npm_config_update_notifier: "false",
  npm_config_fund: "false",
  npm_config_audit: "false",
  npm_config_prefer_offline: "true"
}

/** What it printed. Ends everything when it fails, with its output. */
export const run = (cwd: string, file: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(file, args, { cwd, env: environment, encoding: "utf8" })
  if (status === 0) return stdout
  throw new Error(
    `${[file, ...args].join(" ")} in ${cwd}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`
  )
}

/** What it printed, whether it failed or not. */
export const printedBy = (cwd: string, file: string, ...args: ReadonlyArray<string>): string => {
  const { stderr, stdout } = spawnSync(file, args, { cwd, env: environment, encoding: "utf8" })
  return `${stdout}${stderr}`
}

/** Started, with what it has printed so far. */
export const start = (node: string, cwd: string, env: Record<string, string>, ...args: ReadonlyArray<string>) => {
  const child: ChildProcess = spawn(node, args, { cwd, env: { ...environment, ...env } })
  let printed = ""
  const keep = (chunk: Buffer) => void (printed += chunk.toString())
  child.stdout?.on("data", keep)
  child.stderr?.on("data", keep)
  const ended = once(child, "exit")
  return { printed: () => printed, ended, stop: () => child.kill("SIGTERM") }
}
