import { useRef, useState } from "preact/hooks"

/** Why a pane holds; empty: it does not. */
export type HoldReason = "" | "pointer" | "focus" | "selection" | "dialog" | "scroll"

export interface Hold {
  readonly reason: HoldReason
  /** For the element whose content is held. */
  readonly watch: {
    readonly onPointerEnter: (event: PointerEvent) => void
    readonly onPointerLeave: () => void
    readonly onFocusIn: () => void
    readonly onFocusOut: (event: FocusEvent) => void
  }
}

/**
 * Data never moves under the pointer: while the pointer or the focus is in a pane, or something is selected in it, it shows
 * what it showed before.
 */
export const useHold = (also: HoldReason = "", isMovedByPointer = true): Hold => {
  const [isPointed, setPointed] = useState(false)
  const [isFocused, setFocused] = useState(false)
  const reason = also !== "" ? also : isFocused ? "focus" : isPointed && isMovedByPointer ? "pointer" : ""
  return {
    reason,
    watch: {
      // A finger does not hover; what it taps gets the focus.
      onPointerEnter: (event) => setPointed(event.pointerType === "mouse"),
      onPointerLeave: () => setPointed(false),
      onFocusIn: () => setFocused(true),
      onFocusOut: ({ currentTarget, relatedTarget }) =>
        setFocused(
          currentTarget instanceof Node && relatedTarget instanceof Node && currentTarget.contains(relatedTarget)
        )
    }
  }
}

/** The live value, or what it was when the hold began. Another `name` is another thing, and is shown at once. */
export const useFrozen = <A>(hold: Hold, live: A, name = ""): A => {
  const kept = useRef({ name, value: live })
  if (hold.reason === "" || kept.current.name !== name || kept.current.value === undefined)
    kept.current = { name, value: live }
  return kept.current.value
}
