import type { OverviewBody } from "./OverviewApi.ts"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

const escaped = (text: string | number): string => String(text).replace(/[&<>"']/g, (one) => entities[one] ?? one)

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string =>
  [
    `<table border="1" cellpadding="4">`,
    `<tr>${head.map((name) => `<th scope="col">${escaped(name)}</th>`).join("")}</tr>`,
    ...rows.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`),
    "</table>"
  ].join("\n")

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

const signs = ({ lag, latency, outbox, parked, rates, violations }: OverviewBody) =>
  table(
    ["sign", "value"],
    [
      ["in, out per second", `${rates.appended.toFixed(1)}, ${rates.handled.toFixed(1)}`],
      ["end to end p95", latency === null ? "nothing handled lately" : `${latency.p95.toFixed(0)} ms`],
      ["outbox", `${outbox.rows}${outbox.more ? "+" : ""} rows, oldest ${seconds(outbox.oldestMs)}`],
      ["lag", `${lag.events} events, oldest ${seconds(lag.oldestMs)}, ${lag.inHand} in hand`],
      ["parked", `${parked.keys} keys, ${parked.events} events, ${parked.retryingKeys} retrying`],
      ["order violations (must read 0)", violations]
    ]
  )

const stateOf = ({ paused, resting }: OverviewBody["handlers"][number]): string => {
  if (paused !== null) return `paused by ${paused.actor}`
  return resting ?? "runs"
}

const handlers = (body: OverviewBody) =>
  table(
    ["handler", "state", "per second", "lag", "oldest", "parked"],
    body.handlers.map((one) => [
      one.name,
      stateOf(one),
      one.handledPerSecond.toFixed(1),
      one.lag,
      seconds(one.oldestMs),
      one.parkedKeys
    ])
  )

const instances = (body: OverviewBody) =>
  table(
    ["instance", "version", "partitions", "in hand", "last beat"],
    body.instances.map((one) => [one.id, one.version, one.partitions, one.inHand, seconds(one.seenMs)])
  )

/** The pipeline at one moment as plain HTML: without script or style, for terminals, and where the console was not built. */
export const statusPage = (body: OverviewBody): string => {
  const title = escaped(`${body.stream}, ${body.environment}`)
  const firing = body.alerts.filter((one) => one.firing)
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body>`,
    `<h1>${title}</h1>`,
    `<p>Millrace ${escaped(body.version)}, ${new Date(body.atMs).toISOString()}${body.readOnly ? ", read-only" : ""}</p>`,
    ...body.stale.map(({ what, why }) => `<p>${escaped(what)} cannot be read: ${escaped(why)}</p>`),
    signs(body),
    "<h2>Handlers</h2>",
    handlers(body),
    "<h2>Instances</h2>",
    instances(body),
    "<h2>Alerts</h2>",
    firing.length === 0
      ? "<p>none fires</p>"
      : table(
          ["rule", "now", "limit"],
          firing.map((one) => [one.name, one.value, one.threshold])
        ),
    "</body></html>"
  ].join("\n")
}
