/**
 * `node test/console/load.ts`: what the console costs in a browser, in real Chromium. First the share of a core that the page takes while it shows two
 * frames a second; then its heap, nodes and listeners over an hour's worth of frames, sent as fast as it takes them. Exits 1 when it is too much.
 */
import type { CDPSession, Page } from "playwright-core"
import { type Fixture, type FixtureOptions, startFixture } from "./fixture/server.ts"
import { launch, openPage } from "./support/browser.ts"

const feedEveryMs = 500
const framesPerHour = 7_200

/** Limits: of a core, and of growth (of the heap in bytes) from when the five minutes of the sparklines are full to the end of the hour. */
const cpuShareMax = 0.05
const growthMax = 0.05
const heapGrowthMaxBytes = 1_048_576

const secondsWatched = Number(process.env["SECONDS"] ?? 60)
const frames = Number(process.env["FRAMES"] ?? framesPerHour)
const partitions = Number(process.env["PARTITIONS"] ?? 64)
const sections = (process.env["SECTIONS"] ?? "overview,alerts").split(",")

/** A frame is sent once the one before has had this time. */
const burstEveryMs = 15

const say = (line: string) => void process.stdout.write(`${line}\n`)

const percent = (share: number) => `${(share * 100).toFixed(1)} %`

const megabytes = (bytes: number) => `${(bytes / 1_048_576).toFixed(2)} MB`

interface Look {
  readonly page: Page
  readonly cdp: CDPSession
  readonly state: Fixture["state"]
  readonly close: () => Promise<void>
}

const look = async (section: string, options: FixtureOptions): Promise<Look> => {
  const browser = await launch()
  const fixture = await startFixture({ partitions, ...options })
  const { page } = await openPage(browser)
  const cdp = await page.context().newCDPSession(page)
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" })
  await page.goto(`${fixture.url}/console/#/${section === "overview" ? "" : section}`)
  await page.getByText("live", { exact: true }).waitFor()
  const close = async () => {
    await browser.close()
    await fixture.close()
  }
  return { page, cdp, state: fixture.state, close }
}

const metricsOf = async (cdp: CDPSession): Promise<(name: string) => number> => {
  const { metrics } = await cdp.send("Performance.getMetrics")
  return (name) => metrics.find((one) => one.name === name)?.value ?? 0
}

/** Seconds of all threads of the process that renders: garbage collection and raster, too. */
const rendererSeconds = async (page: Page): Promise<number> => {
  const cdp = await page.context().browser()?.newBrowserCDPSession()
  const { processInfo } = (await cdp?.send("SystemInfo.getProcessInfo")) ?? { processInfo: [] }
  await cdp?.detach()
  return Math.max(...processInfo.filter(({ type }) => type === "renderer").map(({ cpuTime }) => cpuTime))
}

/** The share of a core over so many seconds: of its main thread, of scripts in it, and of the whole process. */
const shareOf = async ({ cdp, page }: Look, seconds: number) => {
  const [before, renderer, startedMs] = [await metricsOf(cdp), await rendererSeconds(page), performance.now()]
  await page.waitForTimeout(seconds * 1_000)
  const [after, rendererAfter] = [await metricsOf(cdp), await rendererSeconds(page)]
  const wall = (performance.now() - startedMs) / 1_000
  const share = (name: string) => (after(name) - before(name)) / wall
  return {
    task: share("TaskDuration"),
    script: share("ScriptDuration"),
    layout: share("LayoutDuration") + share("RecalcStyleDuration"),
    process: (rendererAfter - renderer) / wall
  }
}

const measureCpu = async (section: string): Promise<boolean> => {
  const seen = await look(section, { frameEveryMs: feedEveryMs })
  await seen.page.waitForTimeout(5_000)
  const { layout, process: whole, script, task } = await shareOf(seen, secondsWatched)
  await seen.close()
  say(
    `${section}: main thread ${percent(task)} (scripts ${percent(script)}, style and layout ${percent(layout)}), renderer process ${percent(whole)}`
  )
  return task < cpuShareMax
}

/** While no frames come and all that came are shown: until two looks after a garbage collection say the same. */
const heapOf = async ({ cdp, page, state }: Look) => {
  state.isSilent = true
  let before = Number.POSITIVE_INFINITY
  let metric = await metricsOf(cdp)
  for (let turn = 0; turn < 30 && Math.abs(metric("JSHeapUsedSize") - before) > 20_000; turn++) {
    before = metric("JSHeapUsedSize")
    await page.waitForTimeout(500)
    await cdp.send("HeapProfiler.collectGarbage")
    metric = await metricsOf(cdp)
  }
  state.isSilent = false
  return { heap: metric("JSHeapUsedSize"), nodes: metric("Nodes"), listeners: metric("JSEventListeners") }
}

const until = async (page: Page, isSo: () => boolean): Promise<void> => {
  while (!isSo()) await page.waitForTimeout(100)
}

const measureHeap = async (section: string): Promise<boolean> => {
  let sent = 0
  const begunMs = Date.now()
  const clock = () => begunMs + (sent += 1) * feedEveryMs
  const open = await look(section, { frameEveryMs: burstEveryMs, clock })
  const seen: Array<Awaited<ReturnType<typeof heapOf>>> = []
  // At first the sparklines fill.
  for (const share of [1 / 12, 1 / 3, 2 / 3, 1]) {
    await until(open.page, () => sent >= frames * share)
    const now = await heapOf(open)
    seen.push(now)
    say(
      `${section}: after ${Math.round((sent * feedEveryMs) / 60_000)} min of frames (${sent}): heap ${megabytes(now.heap)}, ${now.nodes} nodes, ${now.listeners} listeners`
    )
  }
  await open.close()
  const [first, last] = [seen[0], seen.at(-1)]
  if (first === undefined || last === undefined) return false
  return (
    last.heap < first.heap + heapGrowthMaxBytes &&
    last.nodes <= first.nodes * (1 + growthMax) &&
    last.listeners <= first.listeners * (1 + growthMax)
  )
}

say(`console under load: ${partitions} partitions of four handlers, ${1_000 / feedEveryMs} frames a second`)
const verdicts: Array<boolean> = []
for (const section of sections) verdicts.push(await measureCpu(section))
for (const section of sections) verdicts.push(await measureHeap(section))
say(verdicts.every((one) => one) ? "within its limits" : "BEYOND ITS LIMITS")
process.exit(verdicts.every((one) => one) ? 0 : 1)
