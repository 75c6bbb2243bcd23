import { useMemo, useState } from "preact/hooks"
import { bytes } from "./format.ts"
import { Icon } from "./Icon.tsx"
import { diff } from "./jsonDiff.ts"
import { pretty } from "./losslessJson.ts"
import { CopyButton } from "./Said.tsx"

/** Above it only the beginning is shown, until it is asked for: a browser stands still over a big one. */
const shownMax = 65_536

type Mode = "pretty" | "raw" | "diff"

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(\btrue\b|\bfalse\b|\bnull\b)/g

const classOf = ([, text, colon, number]: RegExpMatchArray): string =>
  text !== undefined
    ? colon === undefined
      ? "json-string"
      : "json-key"
    : number === undefined
      ? "json-word"
      : "json-number"

/** Names, texts, numbers and words, told apart. */
const Coloured = ({ text }: { readonly text: string }) => {
  const found = [...text.matchAll(token)]
  const ends = [0, ...found.map((match) => match.index + (match[1] ?? match[0]).length)]
  return (
    <>
      {found.map((match, index) => [
        text.slice(ends[index], match.index),
        <span class={classOf(match)}>{match[1] ?? match[0]}</span>
      ])}
      {text.slice(ends.at(-1))}
    </>
  )
}

const words = { " ": "", "-": "removed: ", "+": "added: " } as const

export const Diff = ({ after, before }: { readonly before: string; readonly after: string }) => {
  const lines = useMemo(() => diff(before, after), [before, after])
  return (
    <pre class="json" tabIndex={0} role="region" aria-label="Difference">
      {lines.map(({ sign, text }, index) => (
        <span key={index} class={sign === "+" ? "diff-added" : sign === "-" ? "diff-removed" : ""}>
          {words[sign] !== "" && <span class="unseen">{words[sign]}</span>}
          {sign} {text}
          {"\n"}
        </span>
      ))}
    </pre>
  )
}

const save = (text: string, name: string): void => {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }))
  const link = document.createElement("a")
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1_000)
}

interface JsonViewProps {
  readonly text: string
  /** What a download is called. */
  readonly name: string
  /** What it was before it was edited. */
  readonly original?: string | null
}

const Text = ({ mode, text }: { readonly text: string; readonly mode: Mode }) => {
  const [isWhole, setWhole] = useState(false)
  const isCut = text.length > shownMax && !isWhole
  const shown = useMemo(() => {
    if (isCut) return text.slice(0, 4_096)
    return mode === "pretty" ? pretty(text) : text
  }, [text, mode, isCut])
  return (
    <>
      <pre class="json" tabIndex={0} role="region" aria-label="Payload">
        {shown.length > shownMax || isCut ? shown : <Coloured text={shown} />}
        {isCut && "…"}
      </pre>
      {isCut && (
        <button type="button" class="btn" onClick={() => setWhole(true)}>
          Show all {bytes(text.length)}
        </button>
      )}
    </>
  )
}

/** A payload as it is stored: no number is rounded. */
export const JsonView = ({ name, original = null, text }: JsonViewProps) => {
  const [mode, setMode] = useState<Mode>("pretty")
  const modes: ReadonlyArray<Mode> = original === null ? ["pretty", "raw"] : ["pretty", "raw", "diff"]
  return (
    <div class="payload">
      <div class="tools">
        <div class="segments" role="group" aria-label="Show the payload">
          {modes.map((one) => (
            <button key={one} type="button" aria-pressed={one === mode} onClick={() => setMode(one)}>
              {one}
            </button>
          ))}
        </div>
        <span class="muted num">{bytes(new Blob([text]).size)}</span>
        <CopyButton label="Copy the payload" text={text} />
        <button
          type="button"
          class="btn btn-quiet"
          aria-label="Download the payload"
          title="Download the payload"
          onClick={() => save(text, `${name}.json`)}
        >
          <Icon name="download" />
        </button>
      </div>
      {mode === "diff" && original !== null ? (
        <Diff before={original} after={text} />
      ) : (
        <Text key={mode} text={text} mode={mode} />
      )}
    </div>
  )
}
