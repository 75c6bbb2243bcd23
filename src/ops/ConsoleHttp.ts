import { Effect, FileSystem, Path } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerRespondable, HttpServerResponse, HttpStaticServer } from "effect/http"
import { Overview } from "./Overview.ts"
import { statusPage } from "./statusPage.ts"

/** Where the console is found, and the plain page beside it. */
export const consolePath = "/console"
export const statusPath = "/ops/status"

const built = new URL("./console/dist/", import.meta.url)

/** Nothing but what this server itself serves, and no script in the page. */
const headers = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin"
}

/**
 * The console: files without any data, for anybody; what they show they ask for, and it is guarded. All addresses in them
 * are relative, so it can be mounted below a prefix. When it was not built, the plain page is shown in its place.
 */
export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const root = yield* Effect.flatMap(Path.Path, (path) => path.fromFileUrl(built))
    const isBuilt = yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.exists(`${root}/index.html`))
    const files = isBuilt ? yield* staticFiles(root) : toStatus
    yield* router.prefixed(consolePath).add("GET", "/*", Effect.map(files, HttpServerResponse.setHeaders(headers)))
  })
)

// Names are the same in every release: a browser asks each time, and is told when it has it.
const staticFiles = (root: string) =>
  Effect.map(
    HttpStaticServer.make({ root, cacheControl: "no-cache" }),
    Effect.catch((error) => HttpServerRespondable.toResponse(error))
  )

const toStatus = HttpServerRequest.HttpServerRequest.use(({ originalUrl }) =>
  Effect.succeed(HttpServerResponse.redirect(originalUrl.slice(0, originalUrl.lastIndexOf(consolePath)) + statusPath))
)

/** The pipeline at this moment as a page without any script, also for `curl`. It shows data: guard it. */
export const layerStatus = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const overview = yield* Overview
    yield* router.add(
      "GET",
      statusPath,
      Effect.map(overview.current, (body) =>
        HttpServerResponse.setHeaders(HttpServerResponse.html(statusPage(body)), {
          ...headers,
          "cache-control": "no-store"
        })
      )
    )
  })
)
