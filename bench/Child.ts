import { Data, Effect } from "effect"
import { spawn } from "node:child_process"
import { nodeOptions } from "../test/support/servers/AppProcess.ts"

/** A process of the benchmark did not end well. What it had to say is on stderr. */
export class ChildFailed extends Data.TaggedError("ChildFailed")<{
  readonly script: string
  readonly code: number | null
}> {}

/**
 * Runs a script in a process of its own, with the options of Node that the product has, and returns what it printed; its
 * errors are ours.
 */
export const outputOf = (
  script: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>,
  options: ReadonlyArray<string> = nodeOptions
): Effect.Effect<string, ChildFailed> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, [...options, script, ...args], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit"]
    })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part))
    child.once("close", (code) =>
      resume(code === 0 ? Effect.succeed(text) : Effect.fail(new ChildFailed({ script, code })))
    )
    return Effect.sync(() => void child.kill("SIGKILL"))
  })
