import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Fixture, startFixture } from "./fixture/server.ts"
import { chromiumPath, launch, openPage } from "./support/browser.ts"

describe.skipIf(chromiumPath === undefined)("without a mouse", { timeout: 60_000 }, () => {
  let browser: Browser
  let fixture: Fixture

  beforeAll(async () => {
    browser = await launch()
    fixture = await startFixture({ partitions: 256 })
  })

  afterAll(async () => {
    await browser.close()
    await fixture.close()
  })

  const opened = async (hash = ""): Promise<Page> => {
    const { page } = await openPage(browser)
    await page.goto(`${fixture.url}/console/#/${hash}`)
    await page.getByText("live", { exact: true }).waitFor()
    return page
  }

  const press = async (page: Page, ...keys: ReadonlyArray<string>) => {
    for (const key of keys) await page.keyboard.press(key)
  }

  const focused = (page: Page): Promise<string> => page.evaluate("document.activeElement.textContent")

  test.each([
    ["v", "Vital signs"],
    ["f", "Flow"],
    ["p", "Partitions"],
    ["t", "Order trace"],
    ["l", "Live tail"],
    ["k", "Parked"]
  ])("g %s leads to %s", async (key, heading) => {
    const page = await opened("alerts")
    await press(page, "g", key)
    await expect.poll(() => focused(page)).toBe(heading)
    await page.context().close()
  })

  test("/ searches an order, Enter opens its trace, a point opens, Esc goes back", async () => {
    const page = await opened()
    await press(page, "/")
    await page.keyboard.type("ada")
    await press(page, "Enter")
    await page.getByText("In order: yes, 5 of 5").waitFor()
    expect(page.url()).toContain("#/trace?name=ada")
    await press(page, "Escape", "j", "j", "Enter")
    await page.getByRole("heading", { name: /^Version 2/ }).waitFor()
    expect(page.url()).toContain("point=2")
    await press(page, "Escape")
    await expect.poll(() => page.url()).not.toContain("point")
    await page.context().close()
  })

  test("parked keys are selected with x and Shift x, and replayed with r", async () => {
    const page = await opened("parked")
    await page.getByRole("button", { name: "user-000000" }).waitFor()
    await press(page, "j", "x", "j", "j", "Shift+X")
    await page.getByText("3 keys selected").waitFor()
    await press(page, "r")
    await page.getByRole("dialog", { name: /^Replay 3 parked keys/ }).waitFor()
    // What is typed in a dialog is typed, not obeyed.
    await page.getByLabel(/^Why/).fill("gktx?")
    await press(page, "Escape")
    await page.getByRole("dialog").waitFor({ state: "detached" })
    await page.getByText("3 keys selected").waitFor()
    await page.context().close()
  })

  test("arrows go through 256 partitions, Enter opens one, p pauses it, the command is shown", async () => {
    const page = await opened("?handler=mail")
    await press(page, "j", "j")
    const cell = page.locator("table.heat button").first()
    await cell.focus()
    await press(page, "ArrowDown", "ArrowRight", "Enter")
    await page.getByRole("heading", { name: "mail · partition 17" }).waitFor()
    await page.getByRole("button", { name: "Pause this partition" }).waitFor()
    await press(page, "p")
    const dialog = page.getByRole("dialog")
    await dialog.getByLabel(/^Why/).fill("look at it")
    await dialog.getByText("pnpm start pause mail 17 --why 'look at it'").waitFor()
    await press(page, "Enter")
    await dialog.waitFor({ state: "detached" })
    expect(fixture.acts.at(-1)?.body).toEqual({
      act: "pause",
      handler: "mail",
      partition: 17,
      actor: "console",
      why: "look at it"
    })
    await page.context().close()
  })

  test("? shows the keys, and switches them off; t changes the theme", async () => {
    const page = await opened()
    await press(page, "t")
    expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark")
    await press(page, "?")
    await page.getByRole("checkbox", { name: /^Single keys are on/ }).uncheck()
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click()
    await press(page, "t")
    expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark")
    await page.reload()
    await page.getByText("live", { exact: true }).waitFor()
    expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark")
    await press(page, "g", "k")
    await page.waitForTimeout(200)
    expect(page.url()).not.toContain("parked")
    await page.context().close()
  })

  test("Tab leads over the skip link into the content, and the focus is always seen", async () => {
    const page = await opened()
    await press(page, "Tab")
    expect(await focused(page)).toContain("Skip to the content")
    await press(page, "Enter")
    for (let step = 0; step < 12; step += 1) {
      await press(page, "Tab")
      const seen = await page.evaluate(`(() => {
        const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement)
        return outlineStyle !== "none" || boxShadow !== "none"
      })()`)
      expect(seen, await focused(page)).toBe(true)
    }
    await page.context().close()
  })

  test("256 partitions of four handlers are painted again in less than a frame of the feed", async () => {
    const page = await opened()
    const cells = await page.locator("table.heat td").count()
    expect(cells).toBe(1_024)
    const longest: number = await page.evaluate(`new Promise((resolve) => {
      const seen = [0]
      new PerformanceObserver((list) => seen.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" })
      setTimeout(() => resolve(Math.max(...seen)), 4_000)
    })`)
    expect(longest).toBeLessThan(500)
    await page.context().close()
  })
})
