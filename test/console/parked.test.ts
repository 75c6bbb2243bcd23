import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Fixture, type FixtureOptions, startFixture } from "./fixture/server.ts"
import { chromiumPath, launch, openPage } from "./support/browser.ts"

describe.skipIf(chromiumPath === undefined)("parked keys", { timeout: 60_000 }, () => {
  let browser: Browser
  const ends: Array<() => Promise<void>> = []

  beforeAll(async () => {
    browser = await launch()
  })

  afterAll(async () => {
    await browser.close()
    for (const end of ends) await end()
  })

  const opened = async (hash: string, options: FixtureOptions = {}): Promise<{ page: Page; fixture: Fixture }> => {
    const fixture = await startFixture(options)
    const { page } = await openPage(browser)
    ends.push(fixture.close)
    await page.goto(`${fixture.url}/console/#/${hash}`)
    await page
      .getByRole("button", { name: /^Select all/ })
      .first()
      .waitFor()
    return { page, fixture }
  }

  const act = async (page: Page, name: string, confirm: RegExp, why = "") => {
    await page.locator(".act-bar").getByRole("button", { name, exact: true }).click()
    const dialog = page.getByRole("dialog")
    if (why !== "") await dialog.getByLabel(/^Why/).fill(why)
    await dialog.getByRole("button", { name: confirm }).click()
    return dialog
  }

  test("a range is selected with Shift, survives new data, and is replayed key by key", async () => {
    const { fixture, page } = await opened("parked")
    const boxes = page.getByRole("checkbox", { name: /^Select user/ })
    await boxes.nth(1).click()
    await boxes.nth(4).click({ modifiers: ["Shift"] })
    await page.getByText("4 keys selected").waitFor()
    await page.getByText("Held while something is selected").waitFor()
    await page.waitForTimeout(3_500)
    await page.getByText("4 keys selected").waitFor()
    const dialog = await act(page, "Replay", /^Replay 4 keys$/)
    await dialog.getByText("4 of 4 keys").waitFor()
    await dialog.getByRole("button", { name: "Close" }).click()
    const acted = fixture.acts.map(({ body }) => [
      body["act"],
      body["filter"],
      body["limit"],
      body["dryRun"],
      body["actor"]
    ])
    expect(acted).toHaveLength(4)
    expect(acted[0]).toEqual(["replay", { handler: "mail", key: "user-000001" }, 1, false, "console"])
    await page.getByText("8 of 8").waitFor()
  })

  test("what cannot be taken back needs a reason, names its count, and shows its command", async () => {
    const { fixture, page } = await opened("parked?handler=push")
    await page.getByRole("button", { name: "Select all 2 matching" }).click()
    await page.locator(".act-bar").getByRole("button", { name: "Discard" }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByText("They cannot be put back").waitFor()
    const confirm = dialog.getByRole("button", { name: "Discard 2 keys" })
    expect(await confirm.isDisabled()).toBe(true)
    await dialog.getByLabel("Why").fill("accounts closed")
    await dialog.getByText(`pnpm start parked discard --handler push --why 'accounts closed'`).waitFor()
    await dialog.getByText("user-000003").waitFor()
    expect(fixture.acts.every(({ body }) => body["dryRun"] === true)).toBe(true)
    await confirm.click()
    await dialog.getByText("2 of 2 keys").waitFor()
    expect(fixture.acts.at(-1)?.body).toMatchObject({
      act: "discard",
      why: "accounts closed",
      filter: { handler: "push", status: "parked" }
    })
  })

  test("a hundred thousand keys are worked off in portions of 500, and stopping loses none", async () => {
    const { fixture, page } = await opened("parked", { parkedKeys: 100_000 })
    await page.getByText("100 of 100,000").waitFor()
    await page.getByRole("button", { name: "100 more" }).click()
    await page.getByText("200 of 100,000").waitFor()
    fixture.state.actDelayMs = 150
    await page.getByRole("button", { name: "Select all 100,000 matching" }).click()
    const dialog = await act(page, "Replay", /^Replay 100,000 keys$/)
    await dialog.getByText(/[12],[05]00 of 100,000 keys/).waitFor()
    await dialog.getByRole("button", { name: "Stop" }).click()
    await dialog.getByText("Stopped: what is not done is untouched").waitFor()
    await page.waitForTimeout(400)
    const portions = fixture.acts.filter(({ body }) => body["dryRun"] === false)
    expect(portions.length).toBeLessThan(20)
    expect(portions.every(({ body }) => body["limit"] === 500)).toBe(true)
    await dialog.getByRole("button", { name: "Close" }).click()
    const left = (100_000 - portions.length * 500).toLocaleString("en")
    await page.getByText(`200 of ${left}`).waitFor()
  })

  test("an edit shows what is wrong with it, then the difference, and only then replaces", async () => {
    const { fixture, page } = await opened("parked?at=mail%2Fuser-000000")
    const sheet = page.locator(".sheet")
    await sheet.getByText("9007199254740993").waitFor()
    await sheet.getByRole("button", { name: "Edit the payload" }).first().click()
    const dialog = page.getByRole("dialog")
    const editor = dialog.getByLabel("Payload")
    const text = await editor.inputValue()
    await editor.fill("{")
    await dialog.getByText("This is no JSON yet.").waitFor()
    await editor.fill("{}")
    await dialog.getByRole("button", { name: "Check and show the difference" }).click()
    await dialog.getByText("/payload/orderId: is missing").waitFor()
    await editor.fill(text.replace("ada@", "grace@"))
    await dialog.getByRole("button", { name: "Check and show the difference" }).click()
    await dialog.locator(".diff-added").getByText(`"email": "grace@example.com"`).waitFor()
    expect(await dialog.locator(".diff-removed").innerText()).toContain("ada@example.com")
    await dialog.getByRole("button", { name: "Replace the payload" }).click()
    await dialog.waitFor({ state: "detached" })
    const edits = fixture.acts.filter(({ path }) => path === "parked/edit").map(({ body }) => body)
    expect(edits.map((body) => body["dryRun"])).toEqual([true, true, false])
    expect(String(edits.at(-1)?.["payload"])).toContain("9007199254740993")
  })

  test("a megabyte does not stop the page: it is shown when it is asked for, and can be downloaded", async () => {
    const { page } = await opened("parked?at=mail%2Fuser-000000", { payloadBytes: 1_100_000 })
    const sheet = page.locator(".sheet")
    const more = sheet.getByRole("button", { name: /^Show all 1\.0 MiB$/ })
    await more.waitFor()
    expect((await sheet.locator("pre.json").first().innerText()).length).toBeLessThan(5_000)
    const download = page.waitForEvent("download")
    await sheet.getByRole("button", { name: "Download the payload" }).click()
    expect((await download).suggestedFilename()).toBe("user-000000-3.json")
    await more.click()
    await more.waitFor({ state: "detached" })
    const begin = Date.now()
    await sheet.getByRole("button", { name: "raw" }).click()
    await page.getByRole("heading", { name: "mail · user-000000" }).click()
    expect(Date.now() - begin).toBeLessThan(5_000)
  })
})
