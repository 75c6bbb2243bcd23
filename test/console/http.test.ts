import { NodeHttpServer } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { HttpClient, HttpRouter, HttpServer } from "effect/http"
import * as ConsoleHttp from "../../src/ops/ConsoleHttp.ts"

const served = HttpRouter.serve(ConsoleHttp.layer, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layerTest)
)

layer(served, { excludeTestServices: true })("the console over HTTP", (it) => {
  it.effect("is a page and its files: no data, no script of others, kept only as long as it is the same", () =>
    Effect.gen(function* () {
      const page = yield* HttpClient.get("/console/")
      assert.strictEqual(page.status, 200)
      assert.match(page.headers["content-type"] ?? "", /^text\/html/)
      const policy = page.headers["content-security-policy"] ?? ""
      assert.include(policy, "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
      assert.include(policy, "frame-ancestors 'none'")
      assert.notInclude(policy, "unsafe")
      assert.strictEqual(page.headers["x-content-type-options"], "nosniff")
      assert.strictEqual(page.headers["referrer-policy"], "no-referrer")
      for (const [, name = ""] of (yield* page.text).matchAll(/(?:src|href)="\.\/([^"]+)"/g)) {
        const file = yield* HttpClient.get(`/console/${name}`)
        assert.strictEqual(file.status, 200, name)
        assert.strictEqual(file.headers["cache-control"], "no-cache", name)
        const etag = file.headers["etag"] ?? ""
        assert.notStrictEqual(etag, "", name)
        const again = yield* HttpClient.get(`/console/${name}`, { headers: { "if-none-match": etag } })
        assert.strictEqual(again.status, 304, name)
      }
    })
  )

  it.effect("leads to its folder, and to nothing outside of it", () =>
    Effect.gen(function* () {
      const { status, text: body } = yield* HttpClient.get("/console")
      assert.strictEqual(status, 200)
      assert.include(yield* body, `<div id="console">`)
      for (const path of ["nothing.js", "..%2f..%2fConsoleHttp.ts", "%2e%2e/%2e%2e/ConsoleHttp.ts", "main.tsx"])
        assert.strictEqual((yield* HttpClient.get(`/console/${path}`)).status, 404, path)
    })
  )
})

const unbuilt = HttpRouter.serve(ConsoleHttp.layer, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provide(FileSystem.layerNoop({ exists: () => Effect.succeed(false) })),
  Layer.provideMerge(NodeHttpServer.layerTest)
)

layer(unbuilt, { excludeTestServices: true })("a console that was not built", (it) => {
  it.effect("leads to the plain page", () =>
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const base =
        address._tag === "InetAddressV4" || address._tag === "InetAddressV6" ? `http://127.0.0.1:${address.port}` : ""
      for (const path of ["/console", "/console/"]) {
        const { headers, status } = yield* Effect.promise(() => fetch(base + path, { redirect: "manual" }))
        const { pathname } = new URL(headers.get("location") ?? "", base)
        assert.deepStrictEqual([status, pathname], [302, "/ops/status"], path)
      }
    })
  )
})
