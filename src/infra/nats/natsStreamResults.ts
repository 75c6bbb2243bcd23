import type { StreamInfo } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { type CheckResult, failed, ok, warning } from "../../pipeline/Check.ts"
import type { LogDeclaration } from "../../pipeline/EventLog.ts"
import { compare, isEssential, saidOf, streamConfig, type StreamOptions } from "./StreamDeclaration.ts"

interface Declared extends StreamOptions {
  readonly declaration: LogDeclaration
}

const window = "duplicate_window"

const differencesOf = ({ config }: StreamInfo, declared: Declared) =>
  compare(streamConfig(config.name, declared.declaration, declared), config)

/** Whether the stream is as it was declared; the window has a line of its own. */
export const driftResult = (info: StreamInfo, declared: Declared): CheckResult => {
  const differences = differencesOf(info, declared).filter(({ field }) => field !== window)
  if (differences.length === 0) return ok("as declared")
  const said = differences.map(saidOf).join("; ")
  const edit = `nats stream edit ${info.config.name}`
  return differences.some(isEssential)
    ? failed(
        said,
        `no pipeline starts on it: change it (${edit}), or move it away and start; the outbox keeps what waits`
      )
    : warning(said, `change it (${edit}), or the setting, so that both say the same`)
}

/** Half a minute: a batch whose answer was lost is asked for again within it. */
const windowMinMs = 30_000

/** Whether the broker remembers message ids for long enough to spare a second copy, though nothing depends on it. */
export const windowResult = (info: StreamInfo, declared: Declared): CheckResult => {
  const { duplicate_window: found } = info.config
  const said = `${Math.round(found / 1e9)} s; only a second line of defence`
  if (!differencesOf(info, declared).some(({ field }) => field === window)) return ok(said)
  return found < nanos(windowMinMs)
    ? warning(`${said}, and short`, `nats stream edit ${info.config.name} --dupe-window 2m`)
    : ok(`${said} (declared 120 s)`)
}

/** Whether every copy is there, and up to date. */
export const replicasResult = ({ cluster, config }: StreamInfo): CheckResult => {
  const copies = config.num_replicas
  if (cluster === undefined || copies === 1) return ok("one copy")
  if (cluster.leader === undefined || cluster.leader === "")
    return failed(
      "the stream has no leader: most of its servers are away",
      "start its servers; events wait in the outbox"
    )
  const behind = (cluster.replicas ?? []).filter(({ current, offline }) => offline === true || !current)
  if (behind.length > 0)
    return warning(
      `${behind.map(({ lag, name, offline }) => `${name} is ${offline === true ? "away" : `${lag ?? 0} behind`}`).join(", ")}`,
      "start it, or give it time; one more that fails stops the stream"
    )
  return copies % 2 === 0
    ? warning(`${copies} copies`, "use 1 or 3: an even number survives no more failures than one less")
    : ok(`${copies} copies, led by ${cluster.leader}`)
}

const sizeText = (bytes: number) => (bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`)

/** Whether there is room in it. */
export const sizeResult = ({ config, state }: StreamInfo): CheckResult => {
  if (config.max_bytes <= 0) return ok(`${state.messages} events, ${sizeText(state.bytes)}, no limit`)
  const share = state.bytes / config.max_bytes
  const said = `${state.messages} events, ${sizeText(state.bytes)} of ${sizeText(config.max_bytes)} (${Math.round(share * 100)} %)`
  const remedy =
    "raise STREAM_MAX_BYTES and the stream's max_bytes, or purge what every handler has handled (after an audit)"
  if (share >= 0.95) return failed(`${said}: soon events wait in the outbox`, remedy)
  return share >= 0.8 ? warning(said, remedy) : ok(said)
}
