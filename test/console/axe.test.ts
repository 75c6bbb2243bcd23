import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Fixture, startFixture } from "./fixture/server.ts"
import { chromiumPath, launch, openPage, violations } from "./support/browser.ts"

/** Each section, and each thing that opens in it. */
const views = {
  overview: "",
  charts: "?chart=rates.lag",
  handler: "?handler=mail",
  partition: "?cell=mail%2F7",
  table: "?handler=mail&table=1&measure=lag",
  trace: "trace?name=ada",
  point: "trace?name=ada&point=3",
  "empty trace": "trace",
  tail: "tail",
  event: "tail?event=8400003",
  parked: "parked",
  "a parked key": "parked?at=mail%2Fuser-000001",
  instances: "instances",
  alerts: "alerts",
  activity: "activity"
} as const

describe.skipIf(chromiumPath === undefined)("every section without violations of WCAG 2.2 AA", () => {
  let browser: Browser
  let fixture: Fixture

  beforeAll(async () => {
    browser = await launch()
    fixture = await startFixture({ partitions: 32 })
  })

  afterAll(async () => {
    await browser.close()
    await fixture.close()
  })

  const looks = (["light", "dark"] as const).flatMap((scheme) => [1_440, 768].map((width) => [scheme, width] as const))

  test.each(looks)("%s at %i px", { timeout: 120_000 }, async (scheme, width) => {
    const { close, errors, page } = await openPage(browser, { scheme, width })
    for (const [name, hash] of Object.entries(views)) {
      await page.goto("about:blank")
      await page.goto(`${fixture.url}/console/#/${hash}`)
      await page.getByText("live", { exact: true }).waitFor()
      await page.locator(".skeleton").first().waitFor({ state: "detached" })
      expect(await violations(page), `${name}, ${scheme}, ${width}`).toEqual([])
    }
    expect(errors).toEqual([])
    await close()
  })

  test("dialogs", async () => {
    const { close, page } = await openPage(browser, { scheme: "dark" })
    await page.goto(`${fixture.url}/console/#/parked`)
    await page.getByRole("button", { name: "Select all 12 matching" }).click()
    await page.getByRole("button", { name: "Discard", exact: true }).click()
    await page.getByText("user-000000").last().waitFor()
    expect(await violations(page)).toEqual([])
    await page.keyboard.press("Escape")
    await page.getByRole("button", { name: "Keyboard" }).click()
    expect(await violations(page)).toEqual([])
    await close()
  })
})
