import type { ComponentChildren } from "preact"
import { useEffect, useState } from "preact/hooks"
import type { OverviewBody } from "../OverviewApi.ts"
import type { Sample } from "./feed.ts"
import { count, duration, plural, rate } from "./format.ts"
import { Icon } from "./Icon.tsx"
import { Loading } from "./Pane.tsx"
import { change, queryOf } from "./route.ts"
import { Sparkline } from "./Sparkline.tsx"

interface Tile {
  readonly id: string
  readonly title: string
  readonly lines: ReadonlyArray<Exclude<keyof Sample, "atMs">>
  readonly main: (body: OverviewBody) => ComponentChildren
  readonly more: (body: OverviewBody) => ComponentChildren
  readonly tone?: (body: OverviewBody) => "" | "warn" | "bad" | "good"
}

const tiles: ReadonlyArray<Tile> = [
  {
    id: "rates",
    title: "Events a second",
    lines: ["handled", "appended"],
    main: ({ rates }) => (
      <>
        {rate(rates.appended)}
        <small> in</small> {rate(rates.handled)}
        <small> out</small>
      </>
    ),
    more: ({ rates }) => `${rate(rates.published)} published`
  },
  {
    id: "latency",
    title: "End to end",
    lines: ["p95"],
    main: ({ latency }) =>
      latency === null ? (
        "–"
      ) : (
        <>
          {duration(latency.p95)}
          <small> p95</small>
        </>
      ),
    more: ({ latency }) =>
      latency === null ? "nothing handled lately" : `p50 ${duration(latency.p50)} · p99 ${duration(latency.p99)}`
  },
  {
    id: "outbox",
    title: "Outbox",
    lines: ["outboxRows"],
    main: ({ outbox }) => (
      <>
        {count(outbox.rows)}
        {outbox.more && "+"}
        <small> rows</small>
      </>
    ),
    more: ({ outbox }) =>
      [
        outbox.rows === 0 ? "nothing waits" : `oldest ${duration(outbox.oldestMs)}`,
        ...(outbox.heldKeys > 0 ? [plural(outbox.heldKeys, "key held", "keys held")] : [])
      ].join(" · "),
    tone: ({ outbox }) => (outbox.heldKeys > 0 ? "warn" : "")
  },
  {
    id: "lag",
    title: "Lag",
    lines: ["lag"],
    main: ({ lag }) => (
      <>
        {count(lag.events)}
        <small> events</small>
      </>
    ),
    more: ({ lag }) =>
      `${count(lag.inHand)} in hand · ${lag.events === 0 ? "none waits" : `oldest ${duration(lag.oldestMs)}`}`
  },
  {
    id: "parked",
    title: "Parked orders",
    lines: ["parkedKeys"],
    main: ({ parked }) => count(parked.keys),
    more: ({ parked }) => `${plural(parked.events, "event")} · ${count(parked.retryingKeys)} retrying`,
    tone: ({ parked }) => (parked.keys > 0 ? "warn" : "")
  },
  {
    id: "violations",
    title: "Order violations",
    lines: ["violations"],
    main: ({ violations }) => count(violations),
    more: ({ violations }) => (violations === 0 ? "in order, as it must be" : "must read 0"),
    tone: ({ violations }) => (violations === 0 ? "good" : "bad")
  }
]

const openCharts = (): ReadonlyArray<string> =>
  queryOf("chart")
    .split(".")
    .filter((one) => one !== "")

const toggle = (id: string): void => {
  const before = openCharts()
  change({ chart: (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]).join(".") })
}

const TileButton = ({ body, tile }: { readonly body: OverviewBody; readonly tile: Tile }) => {
  const tone = tile.tone?.(body) ?? ""
  const isOpen = openCharts().includes(tile.id)
  return (
    <button
      type="button"
      class={`tile ${tone}`}
      id={`tile-${tile.id}`}
      aria-expanded={isOpen}
      onClick={() => toggle(tile.id)}
    >
      <span class="tile-title">
        {tile.title}
        {tone === "good" && <Icon name="check" />}
        {(tone === "bad" || tone === "warn") && <Icon name="alert" />}
      </span>
      <span class="tile-main num">{tile.main(body)}</span>
      <span class="tile-more num">{tile.more(body)}</span>
      <Sparkline names={tile.lines} />
    </button>
  )
}

/** The charts with their library are fetched when the first of them is opened. */
const fetchCharts = () => import("./Charts.tsx").then(({ Charts }) => Charts)

const LazyCharts = ({ open }: { readonly open: ReadonlyArray<string> }) => {
  const [Charts, set] = useState<Awaited<ReturnType<typeof fetchCharts>> | undefined>(undefined)
  useEffect(() => void fetchCharts().then((component) => set(() => component)), [])
  return Charts === undefined ? <Loading rows={5} /> : <Charts open={open} />
}

/** Six signs of life; a tile opens its chart. */
export const Vitals = ({ body }: { readonly body: OverviewBody }) => {
  const open = openCharts()
  return (
    <section class="vitals" aria-labelledby="vitals-title">
      <h2 id="vitals-title" class="unseen" tabIndex={-1}>
        Vital signs
      </h2>
      <div class="tiles">
        {tiles.map((tile) => (
          <TileButton key={tile.id} tile={tile} body={body} />
        ))}
      </div>
      {open.length > 0 && <LazyCharts open={open} />}
    </section>
  )
}
