import { effect, signal } from "@preact/signals"
import { overview } from "./feed.ts"
import { plural } from "./format.ts"
import { announced } from "./Said.tsx"

const everyMs = 10_000

const said = { atMs: 0, text: "" }
const news = signal("")

// What becomes worse is told at once when there was silence, and at most every ten seconds.
effect(() => {
  const body = overview.value
  if (body === undefined) return
  const text = [
    plural(body.parked.keys, "order parked", "orders parked"),
    body.violations === 0 ? "no order violations" : plural(body.violations, "order violation")
  ].join(", ")
  if (text === said.text || Date.now() - said.atMs < everyMs) return
  const isFirst = said.text === ""
  said.text = text
  said.atMs = Date.now()
  if (!isFirst) news.value = text
})

/** Tells assistive technology what has changed. */
export const Announcer = () => (
  <>
    <div class="unseen" role="status" aria-live="polite">
      {news.value}
    </div>
    <div class="unseen" role="status" aria-live="polite">
      {announced.value}
    </div>
  </>
)
