import { signal } from "@preact/signals"
import { toggleHold } from "./feed.ts"
import { remembered } from "./remembered.ts"
import { go, type Section } from "./route.ts"
import { nextTheme } from "./theme.ts"

/** Single keys are in the way of who speaks to the browser, or types by accident: they can be switched off. */
export const shortcuts = remembered("local", "millrace.shortcuts", "on")

export const isHelpOpen = signal(false)

/** What each key does, for the list. */
export const keyHelp: ReadonlyArray<readonly [string, string]> = [
  ["/", "search an order or key"],
  ["g v", "vital signs"],
  ["g f", "flow"],
  ["g p", "partitions"],
  ["g t", "order trace"],
  ["g l", "live tail"],
  ["g k", "parked"],
  ["j k", "next, previous row or cell"],
  ["Enter", "open"],
  ["x", "select; with Shift up to here"],
  ["r", "replay what is selected"],
  ["p", "pause or resume the open partition"],
  ["Space", "hold the feed"],
  ["t", "theme"],
  ["?", "this list"],
  ["Esc", "back"]
]

const places: Readonly<Record<string, readonly [Section | undefined, string]>> = {
  v: [undefined, "vitals-title"],
  f: ["overview", "flow-title"],
  p: ["overview", "partitions-title"],
  t: ["trace", "trace-title"],
  l: ["tail", "tail-title"],
  k: ["parked", "parked-title"]
}

const focusOn = (id: string): void => {
  const heading = document.getElementById(id)
  heading?.scrollIntoView({ block: "start" })
  heading?.focus({ preventScroll: true })
}

const leadTo = (key: string): void => {
  const [section, id] = places[key] ?? [undefined, ""]
  if (section !== undefined) go(section)
  // Once the view is there.
  setTimeout(() => focusOn(id), 50)
}

const rows = (): ReadonlyArray<HTMLElement> => [...document.querySelectorAll<HTMLElement>("main [data-row]")]

const step = (by: number): void => {
  const all = rows()
  const at = all.findIndex(
    (one) =>
      one === document.activeElement ||
      (one.closest("tr")?.contains(document.activeElement) === true && one.dataset["cell"] === undefined)
  )
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))]
  next?.focus()
}

const select = (isRange: boolean): void => {
  const box = document.activeElement?.closest("tr")?.querySelector("input[type=checkbox]")
  box?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: isRange }))
}

/** The last one: what was opened last is closed first. */
const click = (key: string): void => [...document.querySelectorAll<HTMLElement>(`[data-key="${key}"]`)].at(-1)?.click()

const leave = (): void => {
  if (document.querySelector(`[data-key="Escape"]`) !== null) click("Escape")
  else if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
}

const actions: Readonly<Record<string, () => void>> = {
  "/": () => document.getElementById("search")?.focus(),
  "?": () => (isHelpOpen.value = true),
  j: () => step(1),
  k: () => step(-1),
  x: () => select(false),
  X: () => select(true),
  r: () => click("r"),
  p: () => click("p"),
  t: nextTheme,
  " ": toggleHold
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null

/** Space presses a button, and scrolls what has the focus. */
const isTaken = ({ key, target }: KeyboardEvent): boolean =>
  key === " " && target instanceof HTMLElement && target.closest("button, a, input, summary, [tabindex='0']") !== null

const pending = { isGo: false }

const onKey = (event: KeyboardEvent): void => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return
  if (event.key === "Escape") return leave()
  if (shortcuts.value !== "on" || isTyping(event.target) || isTaken(event)) return
  if (pending.isGo) {
    pending.isGo = false
    return leadTo(event.key)
  }
  pending.isGo = event.key === "g"
  if (pending.isGo) return void setTimeout(() => (pending.isGo = false), 1_500)
  const action = actions[event.key]
  if (action === undefined) return
  event.preventDefault()
  action()
}

export const listen = (): void => document.addEventListener("keydown", onKey)
