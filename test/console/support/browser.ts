import { Effect } from "effect"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { type Browser, chromium, type Page } from "playwright-core"

const places = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  process.env["CHROMIUM"] ?? ""
]

/** Undefined: there is none, and tests that need one are skipped. */
export const chromiumPath = places.find((path) => path !== "" && existsSync(path))

export const why = "no chromium is found (apt-get install chromium, or set CHROMIUM)"

if (chromiumPath === undefined) process.stderr.write(`skipped: ${why}\n`)

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath ?? "chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
  })

export interface Look {
  readonly width?: number
  readonly height?: number
  readonly scheme?: "light" | "dark"
}

/** A page of its own; what goes wrong in it is collected. */
export const openPage = async (browser: Browser, { height = 900, scheme = "light", width = 1_440 }: Look = {}) => {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    acceptDownloads: true
  })
  const page = await context.newPage()
  const errors: Array<string> = []
  page.on("pageerror", (error) => errors.push(error.message))
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text())
  })
  return { page, errors, close: () => context.close() }
}

const axe = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** What axe finds against WCAG 2.2 AA, in words. */
export const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  // The page's policy forbids scripts of others; this one comes by the debugger.
  await page.evaluate(await axe)
  const found: ReadonlyArray<string> = await page.evaluate(`
    axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ": " + node.target.join(" ") + " " + (node.failureSummary ?? "").split("\\n").slice(1, 3).join(" "))))`)
  return found
}

/** A browser and a page of it, until the scope ends. */
export const openScoped = Effect.gen(function* () {
  const browser = yield* Effect.acquireRelease(Effect.promise(launch), (one) => Effect.promise(() => one.close()))
  return yield* Effect.promise(() => openPage(browser))
})
