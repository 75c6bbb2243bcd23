import { signal } from "@preact/signals"
import { useState } from "preact/hooks"
import { serverNowMs } from "./feed.ts"
import { absolute, ago, clock } from "./format.ts"
import { Icon } from "./Icon.tsx"

/** A moment: the time of day, or how long ago it was; in full when pointed at. */
export const Time = ({ atMs, isAgo = false }: { readonly atMs: number; readonly isAgo?: boolean }) => (
  <time class="num" dateTime={new Date(atMs).toISOString()} title={absolute(atMs)}>
    {isAgo ? ago(atMs, serverNowMs.value) : clock(atMs)}
  </time>
)

/** What assistive technology is told, politely. */
export const announced = signal("")

export const announce = (text: string): void => {
  announced.value = text
}

// Browsers have no clipboard for pages of plain HTTP; a selection can be copied nevertheless.
const copyBySelection = (text: string): boolean => {
  const area = document.createElement("textarea")
  area.value = text
  area.className = "unseen"
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand("copy")
  area.remove()
  return isCopied
}

export const copy = (text: string): Promise<boolean> =>
  window.isSecureContext
    ? navigator.clipboard.writeText(text).then(
        () => true,
        () => copyBySelection(text)
      )
    : Promise.resolve(copyBySelection(text))

export const CopyButton = ({ label, text }: { readonly label: string; readonly text: string }) => {
  const [state, set] = useState<"" | "copied" | "failed">("")
  const click = async (): Promise<void> => {
    const isCopied = await copy(text)
    set(isCopied ? "copied" : "failed")
    announce(isCopied ? "Copied" : "The browser refused to copy")
    setTimeout(() => set(""), 1_500)
  }
  return (
    <button type="button" class="btn btn-quiet" aria-label={label} title={label} onClick={() => void click()}>
      <Icon name={state === "copied" ? "check" : state === "failed" ? "cross" : "copy"} />
    </button>
  )
}

/** The same by the command line. */
export const Twin = ({ command }: { readonly command: string }) => (
  <div class="twin">
    <code>{command}</code>
    <CopyButton label="Copy the command" text={command} />
  </div>
)

/** A name and what it is, in a definition list. */
export const Fact = ({ children, name }: { readonly name: string; readonly children: preact.ComponentChildren }) => (
  <div class="fact">
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)
