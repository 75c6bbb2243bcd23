/** A real Prometheus that scrapes what a test runs, as `deploy/prometheus` configures it, only sooner. */
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import { eventually } from "./Eventually.ts"
import { at, call } from "./Http.ts"
import { freePort } from "./TestServers.ts"

const deployed = (name: string) => readFileSync(new URL(`../../../deploy/prometheus/${name}`, import.meta.url), "utf8")

/** The rules with waits of a second and windows of a few: what takes minutes at night takes seconds in a test. */
const soon = (rules: string) =>
  rules
    .replaceAll(/for: [0-9]+s/g, "for: 1s")
    .replaceAll("[1m]", "[6s]")
    .replaceAll("[2m]", "[6s]")
    .replaceAll("[1h]", "[10s]")

/** An alert that fires, with its labels. */
export interface FiringAlert {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

const listIn = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** Started on a free port and stopped with the scope. `token` is the OPS_TOKEN of what it scrapes. */
export const startPrometheus = Effect.fnUntraced(function* (targets: ReadonlyArray<string>, token: string) {
  const directory = yield* tempDataDir
  const port = yield* freePort
  const url = `http://127.0.0.1:${port}`
  const tokenFile = join(directory, "ops-token")
  const config = deployed("prometheus.yml")
    .replaceAll(/_interval: 15s/g, "_interval: 1s")
    .replace("/run/millrace/ops-token", tokenFile)
    .replace(/targets: .*/, `targets: ${JSON.stringify(targets.map((target) => new URL(target).host))}`)
  yield* Effect.sync(() => {
    writeFileSync(tokenFile, token)
    writeFileSync(join(directory, "prometheus.yml"), config)
    writeFileSync(join(directory, "alerts.yml"), soon(deployed("alerts.yml")))
  })
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        "prometheus",
        [
          `--config.file=${join(directory, "prometheus.yml")}`,
          `--storage.tsdb.path=${join(directory, "prometheus")}`,
          `--web.listen-address=127.0.0.1:${port}`,
          "--log.level=error"
        ],
        { stdio: "ignore" }
      )
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  yield* eventually(
    "a ready Prometheus",
    call(url, "GET", "/-/ready").pipe(
      Effect.map(({ status }) => status === 200),
      Effect.catchDefect(() => Effect.succeed(false))
    )
  )
  /** The series that a query has now; dies when Prometheus does not take it. */
  const query = (text: string) =>
    Effect.flatMap(call(url, "GET", `/api/v1/query?query=${encodeURIComponent(text)}`), ({ json, status }) =>
      status === 200
        ? Effect.succeed(listIn(at(json, "data", "result")))
        : Effect.die(new Error(`${text}: ${String(at(json, "error"))}`))
    )
  const firing = Effect.map(call(url, "GET", "/api/v1/alerts"), ({ json }): ReadonlyArray<FiringAlert> =>
    listIn(at(json, "data", "alerts"))
      .filter((alert) => at(alert, "state") === "firing")
      .map((alert) => ({
        name: String(at(alert, "labels", "alertname")),
        labels: Object(at(alert, "labels")),
        annotations: Object(at(alert, "annotations"))
      }))
  )
  return { url, query, firing }
})
