import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Locator, Page } from "playwright-core"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"
import { chromiumPath, openScoped } from "./support/browser.ts"

const isOf = (userId: string) => (body: unknown) => (at(body, "userId") === userId ? 422 : undefined)

const versionsOf = (pushes: ReadonlyArray<{ readonly body: unknown }>, userId: string) =>
  pushes.filter(({ body }) => at(body, "userId") === userId).map(({ body }) => at(body, "version"))

/** Confirms the open dialog, by the button that names what is done. */
const confirm = async (page: Page, name: RegExp, why: string) => {
  const dialog = page.getByRole("dialog")
  await dialog.getByLabel(/^Why/).fill(why)
  await dialog.getByRole("button", { name }).click()
  return dialog
}

const act = async (page: Page, from: Locator, button: string, why: string) => {
  await from.getByRole("button", { name: button, exact: true }).click()
  const dialog = await confirm(page, / 1 key$/, why)
  await dialog.getByText("1 of 1 keys").waitFor()
  await dialog.getByRole("button", { name: "Close" }).click()
}

const sheetOf = (page: Page) => page.locator(".sheet")

const openParked = async (page: Page, url: string) => {
  await page.goto("about:blank")
  await page.goto(`${url}/console/#/parked`)
  await page.getByRole("button", { name: "bad", exact: true }).click()
  await sheetOf(page).getByRole("button", { name: "Replay" }).waitFor()
  return sheetOf(page)
}

const editEmail = async (page: Page, sheet: Locator) => {
  await sheet.getByRole("button", { name: "Edit the payload" }).first().click()
  const dialog = page.getByRole("dialog")
  const text = await dialog.getByLabel("Payload").inputValue()
  await dialog.getByLabel("Payload").fill(text.replace(/"userId": "bad"/, `"userId": "good"`))
  await dialog.getByRole("button", { name: /^Check/ }).click()
  await dialog.getByText(/its key would be/).waitFor()
  await dialog.getByLabel("Payload").fill(text.replace("ada@example.com", "bad@example.com"))
  await dialog.getByRole("button", { name: /^Check/ }).click()
  await dialog.locator(".diff-added").getByText("bad@example.com").waitFor()
  await confirm(page, /^Replace/, "typo")
  await dialog.waitFor({ state: "detached" })
}

const pausesAndResumes = async (page: Page, url: string) => {
  await page.goto(`${url}/console/#/?handler=mail`)
  const bar = page.locator(".handler-bar")
  await bar.getByRole("button", { name: "Pause" }).click()
  await page.getByRole("dialog").getByText("pnpm start pause mail").waitFor()
  await confirm(page, /^Pause mail$/, "receiver is moved")
  await bar.getByText(/by console .*receiver is moved/).waitFor()
  await page.getByRole("button", { name: /^partition 0, .* paused$/ }).waitFor()
  await bar.getByRole("button", { name: "Resume" }).click()
  await confirm(page, /^Resume mail$/, "")
  await bar.getByRole("button", { name: "Pause" }).waitFor()
  await page.getByRole("button", { name: /^partition 3, / }).click()
  await sheetOf(page).getByRole("button", { name: "Pause this partition" }).click()
  await confirm(page, /^Pause mail\/3$/, "")
  await sheetOf(page).getByText("paused", { exact: true }).waitFor()
  await sheetOf(page).getByRole("button", { name: "Resume this partition" }).click()
  await confirm(page, /^Resume mail\/3$/, "")
  await sheetOf(page).getByRole("button", { name: "Pause this partition" }).waitFor()
}

const seesActivity = async (page: Page, url: string) => {
  await page.goto(`${url}/console/#/activity?source=operator`)
  for (const command of [
    "pnpm start pause mail --why 'receiver is moved'",
    "pnpm start resume mail 3",
    "pnpm start parked discard --handler push --key bad --why 'account closed'"
  ])
    await page.getByText(command, { exact: true }).first().waitFor()
}

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })(
  "the console of a real pipeline",
  (it) => {
    it.effect.skipIf(chromiumPath === undefined)(
      "finds an order, edits, replays, skips and discards what is parked, pauses and resumes; the books balance",
      () =>
        Effect.gen(function* () {
          const { environment } = yield* TestServers
          const push = yield* pushReceiver
          push.refuse(isOf("bad"))
          const { url } = yield* startPipeline({ ...environment, PUSH_WEBHOOK_URL: push.url })
          const { errors, page } = yield* openScoped
          const shop = shopAt(url)
          yield* shop.setStock("lamp", 100)
          for (const [userId, orderId] of [
            ["bad", "b-1"],
            ["good", "g-1"]
          ]) {
            yield* shop.create({ orderId, userId })
            yield* shop.pay(orderId ?? "")
            yield* shop.ship(orderId ?? "")
          }
          const parkedEvents = (orderId: string, wanted: number) =>
            eventually(
              `${wanted} events put aside`,
              Effect.map(shop.show(orderId), ({ json }) => at(json, "parked", 0, "events") === wanted)
            )
          const pushed = (wanted: number) =>
            eventually(
              `${wanted} pushes of the bad key`,
              Effect.sync(() => versionsOf(push.pushes, "bad").length === wanted)
            )
          yield* parkedEvents("b-1", 3)

          yield* Effect.promise(async () => {
            await page.goto(`${url}/console`)
            await page.getByText("live", { exact: true }).waitFor()
            await page.getByLabel("Search an order or key").fill("b-1")
            await page.keyboard.press("Enter")
            await page.getByText(/^In order: yes, \d+ of \d+/).waitFor()
            await page
              .getByRole("row", { name: /OrderCreated|created/ })
              .getByText("parked")
              .waitFor()
            const sheet = await openParked(page, url)
            await sheet.getByText("PushRejected").first().waitFor()
            await editEmail(page, sheet)
            await sheet.getByText("edited", { exact: true }).waitFor()
          })
          push.refuse(() => undefined)
          yield* Effect.promise(() => act(page, sheetOf(page), "Replay", "mended"))
          yield* pushed(3)
          assert.deepStrictEqual(versionsOf(push.pushes, "bad"), [1, 2, 3])

          push.refuse(isOf("bad"))
          yield* shop.create({ orderId: "b-2", userId: "bad" })
          yield* shop.pay("b-2")
          yield* parkedEvents("b-2", 2)
          push.refuse(() => undefined)
          yield* Effect.promise(async () => act(page, await openParked(page, url), "Skip the first", "known"))
          yield* pushed(4)
          assert.deepStrictEqual(versionsOf(push.pushes, "bad"), [1, 2, 3, 5])

          push.refuse(isOf("bad"))
          yield* shop.ship("b-2")
          yield* parkedEvents("b-2", 1)
          yield* Effect.promise(async () => {
            await act(page, await openParked(page, url), "Discard", "account closed")
            await sheetOf(page).getByText("It is not parked any more.").waitFor()
            await pausesAndResumes(page, url)
            await seesActivity(page, url)
          })
          assert.deepStrictEqual(errors, [])
          assert.strictEqual(at((yield* call(url, "GET", "/ops/overview")).json, "parked", "keys"), 0)
          const audit = yield* runApp(["audit", "--url", url, "-o", "json"])
          assert.strictEqual(audit.code, 0, audit.stdout)
        }),
      150_000
    )

    it.effect.skipIf(chromiumPath === undefined)(
      "follows a pipeline that is started again, asks for its token, and is read-only where it must be",
      () =>
        Effect.gen(function* () {
          const token = "a-token-of-some-length"
          const { page } = yield* openScoped
          const first = yield* startPipeline({}, ["--memory"])
          yield* Effect.promise(async () => {
            await page.goto(`${first.url}/console/`)
            await page.getByText("live", { exact: true }).waitFor()
          })
          yield* first.signal("SIGTERM")
          yield* first.exited
          yield* Effect.promise(() => page.getByText(/^reconnecting in/).waitFor())
          const port = new URL(first.url).port
          yield* startPipeline({ PORT: port, OPS_TOKEN: token, OPS_READ_ONLY: "true" }, ["--memory"])
          yield* Effect.promise(async () => {
            await page.getByLabel("Token").fill(token)
            await page.getByRole("button", { name: "Open" }).click()
            await page.getByText("live", { exact: true }).waitFor()
            await page.getByText("read-only").waitFor()
            await page.getByRole("link", { name: /^Instances/ }).click()
            const drain = page.getByRole("button", { name: /^Drain/ })
            await drain.waitFor()
            assert.isTrue(await drain.isDisabled())
          })
          const status = yield* call(first.url, "GET", "/ops/status")
          assert.strictEqual(status.status, 401)
        }),
      90_000
    )
  }
)
