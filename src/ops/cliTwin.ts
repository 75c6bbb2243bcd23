import type { Operation } from "../pipeline/ControlDesk.ts"
import type { ControlBody } from "./ControlApi.ts"
import type { AcknowledgeBody } from "./ViolationsApi.ts"

/** How the commands begin where nobody says otherwise: as the package brings them. */
export const commandDefault = "npx millrace"

/** How the same is done by the command line, whose commands begin with `command`. */
export const cliOfControl = (command: string, body: ControlBody): string => {
  const why = body.why === "" ? [] : ["--why", body.why]
  const line = lineOf(command)
  switch (body.act) {
    case "pause":
    case "resume":
      return line([
        body.act,
        ...(body.handler === undefined ? ["--all"] : [body.handler]),
        ...(body.partition === undefined ? [] : [String(body.partition)]),
        ...why
      ])
    case "throttle":
      return line([body.act, body.handler, body.perSecond === null ? "off" : String(body.perSecond), ...why])
    case "drain":
    case "undrain":
      return line([body.act, body.instance, ...why])
    case "repartition":
      return line([body.act, "--to", String(body.partitions), ...why])
  }
}

/** How a parked key is looked at. */
export const cliOfShow = (command: string, handler: string, key: string): string =>
  lineOf(command)(["parked", "show", handler, key])

/** The same of an acknowledgement. */
export const cliOfAcknowledge = (
  command: string,
  { handler, key, upToId, why }: Omit<AcknowledgeBody, "actor" | "dryRun">
): string =>
  lineOf(command)([
    "violations",
    "acknowledge",
    handler,
    key,
    ...(upToId === undefined ? [] : ["--up-to", String(upToId)]),
    "--why",
    why
  ])

/** The same of something that was done; null: the command line has no such act. */
export const cliOfOperation = (
  command: string,
  { act, detail, handler, instance, key, partition, why }: Operation
): string | null => {
  const line = lineOf(command)
  const by = { actor: "", why }
  const place = { ...(handler === undefined ? {} : { handler }), ...(partition === undefined ? {} : { partition }) }
  if (act === "pause" || act === "resume") return cliOfControl(command, { act, ...place, ...by })
  if (act === "throttle" && handler !== undefined)
    return cliOfControl(command, { act, handler, perSecond: Number.parseFloat(detail) || null, ...by })
  if ((act === "drain" || act === "undrain") && instance !== undefined)
    return cliOfControl(command, { act, instance, ...by })
  if (act === "repartition") return cliOfControl(command, { act, partitions: Number.parseInt(detail, 10), ...by })
  if (handler === undefined || key === undefined) return null
  if (act === "acknowledge") return cliOfAcknowledge(command, { handler, key, why })
  const reason = why === "" ? [] : ["--why", why]
  if (act === "edit") return line(["parked", "edit", handler, key, detail.replace("version ", ""), "--payload", "…"])
  return line(["parked", act, "--handler", handler, "--key", key, ...reason])
}

const lineOf = (command: string) => (words: ReadonlyArray<string>) => [command, ...words.map(quoted)].join(" ")

/** As a shell takes it. */
const quoted = (word: string) => (/^[\w@%+=:,./…-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
