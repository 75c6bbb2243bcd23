import { readdirSync, readFileSync } from "node:fs"
import type { ServerPids } from "./Servers.ts"

/** Processor time so far, in microseconds, all threads together; undefined: of servers that are not ours, or not on Linux. */
export interface CpuTimes {
  readonly millrace: number
  readonly postgres: number | undefined
  readonly nats: number | undefined
}

/** Time of this process, of Postgres with all its backends, and of the nats-server. */
export const cpuTimes = ({ nats, postgres }: ServerPids): CpuTimes => {
  const { system, user } = process.cpuUsage()
  return { millrace: user + system, postgres: ofTree(postgres), nats: ofOne(nats) }
}

/** What was used between two looks. */
export const cpuBetween = (from: CpuTimes, to: CpuTimes): CpuTimes => ({
  millrace: to.millrace - from.millrace,
  postgres: difference(from.postgres, to.postgres),
  nats: difference(from.nats, to.nats)
})

/** Of everybody; undefined when somebody's is not known. */
export const cpuOfAll = ({ millrace, nats, postgres }: CpuTimes): number | undefined =>
  nats === undefined || postgres === undefined ? undefined : millrace + nats + postgres

/** Ticks a process has had of the processors, all its threads together; 100 a second. */
export const ticksOf = (pid: number): number => {
  const { own } = statOf(pid) ?? { own: 0 }
  return own
}

const tickMicros = 10_000

interface Stat {
  readonly parent: number
  readonly own: number
  /** Of children that have ended. */
  readonly ended: number
}

// Behind the name, which may hold anything: state, parent … user, system, ended children's user, ended children's system.
const statOf = (pid: number): Stat | undefined => {
  const fields = fileOf(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ").map(Number)
  if (fields === undefined) return undefined
  const [, parent = 0] = fields
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11)
  return { parent, own: user + system, ended: endedUser + endedSystem }
}

const fileOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // It has ended meanwhile, or there is no /proc.
    return undefined
  }
}

const ofOne = (pid: number | undefined) => {
  const stat = pid === undefined ? undefined : statOf(pid)
  return stat && stat.own * tickMicros
}

/** Backends are children of the process that listens; those that ended are counted as its own. */
const ofTree = (pid: number | undefined) => {
  const root = pid === undefined ? undefined : statOf(pid)
  if (root === undefined) return undefined
  const children = readdirSync("/proc")
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat?.parent === pid)
  return children.reduce((sum, stat) => sum + (stat?.own ?? 0), root.own + root.ended) * tickMicros
}

const difference = (from: number | undefined, to: number | undefined) =>
  from === undefined || to === undefined ? undefined : to - from
