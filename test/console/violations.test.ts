import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startFixture } from "./fixture/server.ts"
import { chromiumPath, launch, openPage, violations } from "./support/browser.ts"

describe.skipIf(chromiumPath === undefined)("order violations", { timeout: 60_000 }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launch()
  })

  afterAll(() => browser.close())

  test("they are acknowledged with a reason, shown with who did it, and nothing is left open", async () => {
    const fixture = await startFixture()
    const { errors, page } = await openPage(browser)
    fixture.state.violations = 2
    await page.goto(`${fixture.url}/console/#/alerts`)
    await page.getByText("2 violations open").waitFor()
    expect(await violations(page)).toEqual([])
    const [first] = await page.getByRole("button", { name: "Acknowledge" }).all()
    await first?.click()
    const dialog = page.getByRole("dialog")
    await dialog.getByText("Its 2 parked events stay parked").waitFor()
    const confirm = dialog.getByRole("button", { name: "Acknowledge user-000040" })
    expect(await confirm.isDisabled()).toBe(true)
    expect(await violations(page)).toEqual([])
    await dialog.getByLabel("Why").fill("it's known")
    await dialog.getByText(`violations acknowledge mail user-000040 --up-to 100 --why 'it'\\''s known'`).waitFor()
    await confirm.click()
    await page.getByText("none is open").waitFor()
    await page.getByText("acknowledged by eve@laptop").nth(1).waitFor()
    expect(await page.getByRole("button", { name: "Acknowledge" }).count()).toBe(0)
    expect(fixture.acts).toEqual([
      {
        path: "violations/acknowledge",
        body: { handler: "mail", key: "user-000040", upToId: 100, actor: "console", why: "it's known" }
      }
    ])
    expect(errors).toEqual([])
    await fixture.close()
  })

  test("nothing can be acknowledged where operations are read-only", async () => {
    const fixture = await startFixture({ readOnly: true })
    const { page } = await openPage(browser)
    fixture.state.violations = 1
    await page.goto(`${fixture.url}/console/#/alerts`)
    const button = page.getByRole("button", { name: "Acknowledge" })
    await button.waitFor()
    expect(await button.isDisabled()).toBe(true)
    await fixture.close()
  })
})
