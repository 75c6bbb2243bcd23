import { Effect, Predicate } from "effect"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { EventSchemas, EventStream } from "../../pipeline/EventStream.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"
import { reasonOf } from "./reasonOf.ts"

/** The stream an application exports: `./src/orders.ts#Orders`, the path as seen from here. Its module is run. */
export const importStream = Effect.fnUntraced(function* (place: string) {
  const [path = "", name = ""] = place.split("#")
  if (path === "" || name === "") return yield* refuse(place, "say file and export, such as ./src/orders.ts#Orders")
  const found: unknown = yield* Effect.tryPromise({
    try: () => import(pathToFileURL(resolve(path)).href),
    catch: (error) => refused(place, reasonOf(error))
  })
  const exported = Predicate.hasProperty(found, name) ? found[name] : undefined
  if (isStream(exported)) return exported
  const streams = Predicate.isObject(found) ? Object.entries(found).filter(([, one]) => isStream(one)) : []
  const names = streams.map(([known]) => known).join(", ")
  return yield* refuse(
    place,
    `${path} exports no EventStream ${name}; ${names === "" ? "it has none" : `it has ${names}`}`
  )
})

const refused = (place: string, why: string) =>
  new CommandFailed({ message: `--stream ${place}: ${why}`, code: exitCode.usage })

const refuse = (place: string, why: string) => Effect.fail(refused(place, why))

const isStream = (value: unknown): value is EventStream<EventSchemas> =>
  Predicate.hasProperty(value, "codecs") &&
  value.codecs instanceof Map &&
  Predicate.hasProperty(value, "read") &&
  Predicate.isFunction(value.read)
