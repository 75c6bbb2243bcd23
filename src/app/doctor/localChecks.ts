import { HttpClient, HttpClientResponse } from "effect/http"
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { createServer } from "node:net"
import { dirname, resolve } from "node:path"
import { type Check, check, failed, ok, warning } from "../../pipeline/Check.ts"

/** Whether the API's port is free, or taken by a pipeline. */
export const portCheck = (host: string, port: number): Check =>
  check(
    "port",
    "choose another --host and --port",
    Effect.gen(function* () {
      if (port === 0) return ok("a free one is taken")
      const refusal = yield* refusalOf(host, port)
      if (refusal === undefined) return ok(`${port} of ${host} is free`)
      if (refusal !== "EADDRINUSE")
        return failed(`${port} of ${host} cannot be listened on: ${refusal}`, "choose another --host and --port")
      return (yield* isPipeline(host, port))
        ? ok(`${port} of ${host} is the running pipeline's`)
        : failed(
            `${port} of ${host} is taken by another program`,
            "stop it, or choose another --port, or 0 for a free one"
          )
    })
  )

/** Why nobody can listen there; undefined: somebody can. */
const refusalOf = (host: string, port: number): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", (error) => resume(Effect.succeed("code" in error ? String(error.code) : error.message)))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resume(Effect.undefined)))
    return Effect.sync(() => server.close())
  })

const isPipeline = (host: string, port: number) => {
  const address = ["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}/health`
  return HttpClient.get(url).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.flatMap((response) => response.json),
    Effect.map((body) => JSON.stringify(body) === `{"status":"ok"}`),
    Effect.timeout("3 seconds"),
    Effect.orElseSucceed(() => false),
    Effect.provide(NodeHttpClient.layerUndici)
  )
}

/** Less than this is too little for a Postgres and a stream to work at all. */
const bytesFreeMin = 256 * 1_048_576

const shareFreeMin = 0.1

/** Whether the embedded servers' folder can be written, and has room. */
export const dataDirCheck = (dataDir: string): Check =>
  check(
    "disk",
    "choose another folder with --data-dir",
    Effect.gen(function* () {
      const place = yield* attempt(() => nearest(resolve(dataDir)))
      yield* attempt(() => fs.access(place, constants.W_OK))
      const { bavail, blocks, bsize } = yield* attempt(() => fs.statfs(place))
      const free = bavail * bsize
      const said = `${(free / 1e9).toFixed(1)} GB free for ${resolve(dataDir)} (${Math.round((bavail / blocks) * 100)} %)`
      const remedy = "make room, or choose another folder with --data-dir; a full disk stops Postgres and NATS"
      if (free < bytesFreeMin) return failed(said, remedy)
      return bavail / blocks < shareFreeMin ? warning(said, remedy) : ok(said)
    })
  )

/** The system refused; in its words. */
class HostRefused extends Schema.TaggedError<HostRefused>()("HostRefused", { detail: Schema.String }) {
  override get message() {
    return this.detail
  }
}

const attempt = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new HostRefused({ detail: cause instanceof Error ? cause.message : String(cause) })
  })

/** The folder, or the nearest above it that is there. */
const nearest = async (path: string): Promise<string> => {
  const there = await fs.stat(path).then(
    () => true,
    () => false
  )
  return there || dirname(path) === path ? path : nearest(dirname(path))
}
