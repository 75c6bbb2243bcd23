import type { Operation } from "../pipeline/ControlDesk.ts"
import type { ControlBody } from "./ControlApi.ts"

/** How the same is done by the command line. */
export const cliOfControl = (body: ControlBody): string => {
  const why = body.why === "" ? [] : ["--why", body.why]
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

/** The same of something that was done; null: the command line has no such act. */
export const cliOfOperation = ({ act, detail, handler, instance, key, partition, why }: Operation): string | null => {
  const by = { actor: "", why }
  const place = { ...(handler === undefined ? {} : { handler }), ...(partition === undefined ? {} : { partition }) }
  if (act === "pause" || act === "resume") return cliOfControl({ act, ...place, ...by })
  if (act === "throttle" && handler !== undefined)
    return cliOfControl({ act, handler, perSecond: Number.parseFloat(detail) || null, ...by })
  if ((act === "drain" || act === "undrain") && instance !== undefined) return cliOfControl({ act, instance, ...by })
  if (act === "repartition") return cliOfControl({ act, partitions: Number.parseInt(detail, 10), ...by })
  if (handler === undefined || key === undefined) return null
  const reason = why === "" ? [] : ["--why", why]
  if (act === "edit") return line(["parked", "edit", handler, key, detail.replace("version ", ""), "--payload", "…"])
  return line(["parked", act, "--handler", handler, "--key", key, ...reason])
}

const line = (words: ReadonlyArray<string>) => ["pnpm start", ...words.map(quoted)].join(" ")

/** As a shell takes it. */
const quoted = (word: string) => (/^[\w@%+=:,./…-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
