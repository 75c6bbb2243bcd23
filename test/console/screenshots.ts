/** `pnpm screenshots`: a real pipeline under load, and each section of its console, for the documents. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import type { Page } from "playwright-core"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { at, call } from "../support/servers/Http.ts"
import { mailReceiver, pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"
import { withPalette } from "./support/palettePng.ts"
import { launch, openPage } from "./support/browser.ts"

const folder = join(import.meta.dirname, "../../docs/images")
const bytesMax = 150_000

/** Before the first picture: sparklines of five minutes are to show something. */
const secondsBefore = Number(process.env["SECONDS_BEFORE"] ?? 150)

const shots = {
  overview: "",
  charts: "?chart=latency.lag",
  partition: "?handler=push&cell=push%2F3",
  trace: "trace?name=o-refused-1",
  tail: "tail",
  event: "tail?event=40",
  parked: "parked",
  "parked-key": "parked?at=push%2Frefused-1",
  instances: "instances",
  alerts: "alerts",
  activity: "activity"
} as const

const control = (url: string, body: object) =>
  call(url, "POST", "/ops/control", { json: { actor: "grace", why: "receiver is being moved", ...body } })

/** An order of somebody, all the way; what is refused meanwhile is tried again by nobody. */
const order = (shop: ReturnType<typeof shopAt>, orderId: string, userId: string) =>
  Effect.gen(function* () {
    yield* shop.tryCreate({ orderId, userId })
    yield* Effect.sleep("150 millis")
    yield* shop.tryPay(orderId)
    yield* Effect.sleep("150 millis")
    yield* shop.tryShip(orderId)
  })

/** About five orders a second, in waves, until it is interrupted. */
const load = (shop: ReturnType<typeof shopAt>) => {
  let number = 0
  return Effect.forever(
    Effect.suspend(() => {
      number += 1
      const pause = 200 + 90 * Math.sin(number / 60)
      return Effect.andThen(
        Effect.forkChild(order(shop, `o-${number}`, `user-${(number * 7919) % 400}`)),
        Effect.sleep(`${pause} millis`)
      )
    })
  )
}

const take = async (page: Page, name: string) => {
  await page.getByText("live", { exact: true }).waitFor()
  await page.locator(".skeleton").first().waitFor({ state: "detached" })
  await page.waitForTimeout(1_200)
  const picture = withPalette(await page.screenshot())
  if (picture.length > bytesMax) throw new Error(`${name} has ${picture.length} bytes`)
  writeFileSync(join(folder, `console-${name}.png`), picture)
}

const takeAll = async (url: string) => {
  const browser = await launch()
  for (const scheme of ["light", "dark"] as const)
    for (const width of [1_440, 768]) {
      const { close, page } = await openPage(browser, { height: 800, scheme, width })
      for (const [name, hash] of Object.entries(shots)) {
        await page.goto("about:blank")
        await page.goto(`${url}/console/#/${hash}`)
        await take(page, `${name}-${scheme}-${width}`)
      }
      await close()
    }
  await browser.close()
}

const program = Effect.gen(function* () {
  const { environment } = yield* TestServers
  const [mail, push] = [yield* mailReceiver, yield* pushReceiver]
  push.refuse((body) => (String(at(body, "userId")).startsWith("refused") ? 422 : undefined))
  const settings = {
    ...environment,
    SMTP_URL: mail.url,
    PUSH_WEBHOOK_URL: push.url,
    PARTITIONS: "64",
    ENVIRONMENT: "staging"
  }
  const { url } = yield* startPipeline(settings)
  yield* startPipeline(settings, ["--role", "worker"])
  const shop = shopAt(url)
  yield* shop.setStock("lamp", 1_000_000)
  yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7], (one) => order(shop, `o-refused-${one}`, `refused-${one}`), {
    concurrency: 4
  })
  yield* Effect.forkChild(load(shop))
  yield* Effect.sleep(`${secondsBefore} seconds`)
  yield* control(url, { act: "pause", handler: "push", partition: 3 })
  yield* control(url, { act: "throttle", handler: "mail", perSecond: 30 })
  yield* Effect.sleep("20 seconds")
  yield* Effect.promise(() => takeAll(url))
})

mkdirSync(folder, { recursive: true })
await Effect.runPromise(Effect.scoped(program.pipe(Effect.provide(Layer.fresh(TestServers.layer)))))
