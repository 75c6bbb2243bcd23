import type { ComponentChildren } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { Icon } from "./Icon.tsx"

interface SheetProps {
  readonly title: ComponentChildren
  /** What it is about: another one takes the focus anew. */
  readonly name: string
  readonly close: () => void
  readonly tools?: ComponentChildren
  readonly children: ComponentChildren
}

/** A side sheet. It is not modal: what is behind it can still be read and used. */
export const Sheet = ({ children, close, name, title, tools }: SheetProps) => {
  const heading = useRef<HTMLHeadingElement>(null)
  const before = useRef<Element | null>(null)
  useEffect(() => {
    before.current ??= document.activeElement
    heading.current?.focus()
  }, [name])
  useEffect(
    () => () => {
      if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus()
    },
    []
  )
  return (
    <aside class="sheet" aria-labelledby="sheet-title">
      <header class="pane-head">
        <h2 id="sheet-title" ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <div class="tools">
          {tools}
          <button
            type="button"
            class="btn btn-quiet"
            data-key="Escape"
            aria-label="Close"
            title="Close (Esc)"
            onClick={close}
          >
            <Icon name="cross" />
          </button>
        </div>
      </header>
      <div class="sheet-body">{children}</div>
    </aside>
  )
}
