import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Fixture, type FixtureOptions, startFixture } from "./fixture/server.ts"
import { chromiumPath, launch, openPage } from "./support/browser.ts"

describe.skipIf(chromiumPath === undefined)("the live page", { timeout: 60_000 }, () => {
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
    return { page, fixture }
  }

  const feed = (page: Page) => page.locator(".feed")

  const rows = (page: Page) => page.locator("#tail-rows tbody tr th")

  test("the tail by outcome says who has made it of the events, and stays in the address and the command", async () => {
    const { page } = await opened("tail")
    await rows(page).first().waitFor()
    await page.getByLabel("Outcome").selectOption("parked")
    await page.getByRole("columnheader", { name: "parked by" }).waitFor()
    expect(await page.locator("#tail-rows tbody tr").first().innerText()).toContain("mail, push")
    expect(page.url()).toContain("outcome=parked")
    await page.getByText("pnpm start tail --outcome parked").waitFor()
    await page.getByLabel("Outcome").selectOption("")
    await page.getByRole("columnheader", { name: "parked by" }).waitFor({ state: "detached" })
  })

  test("the tail moves by itself, stands still under the pointer, and says how many are new", async () => {
    const { page } = await opened("tail")
    await rows(page).first().waitFor()
    const first = await rows(page).first().innerText()
    await expect.poll(() => rows(page).first().innerText(), { timeout: 5_000 }).not.toBe(first)

    await rows(page).nth(3).hover()
    await page.getByText("Held while you point at it").waitFor()
    const held = await rows(page).allInnerTexts()
    const button = page.getByRole("button", { name: /^\d+ new$/ })
    await button.waitFor()
    await page.waitForTimeout(2_500)
    expect(await rows(page).allInnerTexts()).toEqual(held)
    await button.click()
    expect(await rows(page).first().innerText()).not.toBe(held[0])
    await page.mouse.move(5, 5)
    await page.keyboard.press("Escape")
    await page.getByText(/^Held/).waitFor({ state: "detached" })
    expect(await rows(page).count()).toBeLessThanOrEqual(500)
  })

  test("a thousand frames leave nothing behind: no node, no listener", async () => {
    const begunMs = Date.now()
    let sent = 0
    const clock = () => begunMs + (sent += 1) * 500
    const { page } = await opened("", { frameEveryMs: 10, clock })
    const cdp = await page.context().newCDPSession(page)
    await cdp.send("Performance.enable")
    const counted = async () => {
      await cdp.send("HeapProfiler.collectGarbage")
      const { metrics } = await cdp.send("Performance.getMetrics")
      return ["Nodes", "JSEventListeners"].map((name) => metrics.find((one) => one.name === name)?.value ?? 0)
    }
    // Until the sparklines are full.
    await expect.poll(() => sent, { timeout: 30_000 }).toBeGreaterThan(600)
    const [nodes = 0, listeners = 0] = await counted()
    const from = sent
    await expect.poll(() => sent, { timeout: 40_000 }).toBeGreaterThan(from + 1_000)
    const [nodesAfter = 0, listenersAfter = 0] = await counted()
    expect(nodes).toBeGreaterThan(500)
    expect(nodesAfter).toBeLessThan(nodes * 1.02)
    expect(listenersAfter).toBe(listeners)
  })

  test("the partitions stand still while one of them is open, the vital signs do not", async () => {
    const { page } = await opened("", { frameEveryMs: 300 })
    const cells = page.locator("table.heat").first().locator("td")
    const tile = page.locator("#tile-rates .tile-main")
    await page.getByRole("button", { name: /^partition 7, .* stalled$/ }).click()
    await page.getByRole("heading", { name: "mail · partition 7" }).waitFor()
    const [held, before] = [await cells.allInnerTexts(), await tile.innerText()]
    await expect.poll(() => tile.innerText(), { timeout: 6_000 }).not.toBe(before)
    expect(await cells.allInnerTexts()).toEqual(held)
    await page.keyboard.press("Escape")
    await page.locator(".sheet").waitFor({ state: "detached" })
    await page.keyboard.press("Escape")
    await expect.poll(() => cells.allInnerTexts(), { timeout: 6_000 }).not.toEqual(held)
  })

  test("a server that goes away is said, what is seen is called old, and it is found again", async () => {
    const { fixture, page } = await opened("")
    await expect.poll(() => feed(page).innerText()).toBe("live")
    fixture.fall()
    await expect.poll(() => feed(page).innerText()).toMatch(/^reconnecting in \d+ s$/)
    await page.getByText(/The feed is broken/).waitFor()
    expect(await page.getByRole("heading", { name: "Flow" }).isVisible()).toBe(true)
    fixture.rise()
    await expect.poll(() => feed(page).innerText(), { timeout: 15_000 }).toBe("live")
    await page.getByText(/The feed is broken/).waitFor({ state: "detached" })
  })

  test("a feed that is silent for five seconds is stale", async () => {
    const { fixture, page } = await opened("")
    await expect.poll(() => feed(page).innerText()).toBe("live")
    fixture.state.isSilent = true
    await expect.poll(() => feed(page).innerText(), { timeout: 10_000 }).toMatch(/^stale [5-9](\.0)? s$/)
    fixture.state.isSilent = false
    await expect.poll(() => feed(page).innerText(), { timeout: 5_000 }).toBe("live")
  })

  test("a hidden tab has no feed; a server that is not there from the beginning is asked again", async () => {
    const { fixture, page } = await opened("")
    await expect.poll(() => fixture.state.open).toBe(1)
    const hide = (state: "hidden" | "visible") =>
      page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
        document.dispatchEvent(new Event("visibilitychange"))`)
    await hide("hidden")
    await expect.poll(() => fixture.state.open).toBe(0)
    await hide("visible")
    await expect.poll(() => fixture.state.open).toBe(1)
  })

  test("Space holds all that is shown, and lets it go", async () => {
    const { page } = await opened("", { frameEveryMs: 300 })
    const tile = page.locator("#tile-rates .tile-main")
    await tile.waitFor()
    await page.keyboard.press("Space")
    await expect.poll(() => feed(page).innerText()).toBe("paused")
    const held = await tile.innerText()
    await page.waitForTimeout(2_500)
    expect(await tile.innerText()).toBe(held)
    await page.keyboard.press("Space")
    await expect.poll(() => feed(page).innerText()).toBe("live")
    await expect.poll(() => tile.innerText(), { timeout: 5_000 }).not.toBe(held)
  })

  test("without the token it asks for it, once, and remembers it for the tab", async () => {
    const { page } = await opened("parked", { token: "open-sesame" })
    await page.getByRole("heading", { name: "This pipeline asks for its token" }).waitFor()
    await page.getByLabel("Token").fill("guess")
    await page.getByRole("button", { name: "Open" }).click()
    await page.getByRole("heading", { name: "This is not its token" }).waitFor()
    await page.getByLabel("Token").fill("open-sesame")
    await page.getByRole("button", { name: "Open" }).click()
    await page.getByText("12 of 12").waitFor()
    await page.reload()
    await page.getByText("12 of 12").waitFor()
    expect(await page.evaluate("localStorage.getItem('millrace.token')")).toBeNull()
  })

  test("who is not let in is told why, and how it is changed", async () => {
    const { page } = await opened("", { isClosed: true })
    await page.getByRole("heading", { name: "Operations are for this machine" }).waitFor()
    await page.getByText("Set OPS_TOKEN on the pipeline").waitFor()
  })

  test("where nothing may be changed, nothing can be", async () => {
    const { fixture, page } = await opened("parked?at=mail%2Fuser-000000", { readOnly: true })
    await page.getByText("read-only").waitFor()
    for (const name of ["Replay", "Skip the first", "Discard", "Edit the payload"])
      expect(await page.locator(".sheet").getByRole("button", { name, exact: true }).isDisabled(), name).toBe(true)
    await page.goto(`${fixture.url}/console/#/instances`)
    await page
      .getByRole("button", { name: /^Drain/ })
      .first()
      .waitFor()
    expect(
      await page
        .getByRole("button", { name: /^Drain/ })
        .first()
        .isDisabled()
    ).toBe(true)
    expect(fixture.acts).toEqual([])
  })
})
