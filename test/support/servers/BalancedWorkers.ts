/** Instances with balanced handlers, as processes of their own, and what they have done. */
import { Effect, type Redacted, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { query } from "../../infra/embedded/Clients.ts"
import { at } from "./Http.ts"

const fixture = join(import.meta.dirname, "fixtures/balanced.ts")

const endOf = (child: ChildProcess) =>
  Effect.callback<number>((resume) => {
    const done = () => resume(Effect.succeed(child.exitCode ?? -1))
    if (child.exitCode !== null || child.signalCode !== null) done()
    else child.once("exit", done)
  })

/** One process. It is ended with the scope. */
export const startWorker = (environment: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [fixture], {
        env: { ...process.env, ...environment },
        stdio: ["ignore", "ignore", "inherit"]
      })
    ),
    (child) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        endOf(child)
      )
  ).pipe(Effect.map((child) => ({ child, ended: endOf(child) })))

/** A file for what `hooks` does. */
export const doneFile: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "millrace-balanced-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  ),
  (folder) => join(folder, "done")
)

/** Its lines: key and version, by which process, and when. */
export const doneIn = (file: string) =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .map((line) => {
          const [key = "", version = "", pid = "", atMs = ""] = line.split(" ")
          return { place: `${key} ${version}`, pid: Number(pid), atMs: Number(atMs) }
        })
    : []

/** Rows that `sums` inserted, and how many different events they are of. */
export const sumsIn = (url: Redacted.Redacted) =>
  query(url, "SELECT count(*)::int AS n, count(DISTINCT (key, version))::int AS events FROM balanced_done").pipe(
    Effect.map(([row]) => ({ rows: Number(at(row, "n")), events: Number(at(row, "events")) })),
    // Before the first start there are no tables.
    Effect.orElseSucceed(() => ({ rows: 0, events: 0 }))
  )
