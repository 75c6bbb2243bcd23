import type { ComponentChildren } from "preact"
import type { Problem } from "./api.ts"
import type { Hold, HoldReason } from "./hold.ts"
import { Icon } from "./Icon.tsx"

const reasons: Readonly<Record<Exclude<HoldReason, "">, string>> = {
  pointer: "while you point at it",
  focus: "while you are in it (Esc leaves)",
  selection: "while something is selected",
  dialog: "while a dialog is open",
  scroll: "while you read further down"
}

/** Says that what is below does not move, and why. */
export const HoldNote = ({ hold, missed = 0 }: { readonly hold: Hold; readonly missed?: number }) =>
  hold.reason === "" ? null : (
    <span class="chip chip-held" title={`Held ${reasons[hold.reason]}`}>
      <Icon name="pause" />
      Held<span class="wide-only"> {reasons[hold.reason]}</span>
      {missed > 0 && <b class="num"> · {missed} new</b>}
    </span>
  )

interface PaneProps {
  readonly id: string
  readonly title: string
  readonly note?: ComponentChildren
  readonly tools?: ComponentChildren
  readonly hold?: Hold
  readonly missed?: number
  readonly children: ComponentChildren
}

/** A titled part of a view; its heading is where `g` and the skip link lead. */
export const Pane = ({ children, hold, id, missed = 0, note, title, tools }: PaneProps) => (
  <section class="pane" aria-labelledby={`${id}-title`}>
    <header class="pane-head">
      <h2 id={`${id}-title`} tabIndex={-1}>
        {title}
      </h2>
      {note !== undefined && <span class="muted num pane-note">{note}</span>}
      {hold !== undefined && <HoldNote hold={hold} missed={missed} />}
      <div class="tools">{tools}</div>
    </header>
    <div class="pane-body" {...hold?.watch}>
      {children}
    </div>
  </section>
)

/** Nothing is there, and that is how it is. */
export const Empty = ({
  children,
  icon = "check"
}: {
  readonly children: ComponentChildren
  readonly icon?: "check" | "search" | "clock"
}) => (
  <p class="empty">
    <Icon name={icon} />
    <span>{children}</span>
  </p>
)

export const Loading = ({ rows = 4 }: { readonly rows?: number }) => (
  <div class="skeleton" role="status">
    <span class="unseen">Loading</span>
    {Array.from({ length: rows }, (_, index) => (
      <i key={index} />
    ))}
  </div>
)

/** What was refused, why, and another try. */
export const ProblemNote = ({ problem, retry }: { readonly problem: Problem; readonly retry?: () => void }) => (
  <div class="problem" role="alert">
    <Icon name="alert" />
    <div>
      <b>{problem.title}</b>
      {problem.detail !== "" && <p>{problem.detail}</p>}
      {problem.issues.length > 0 && (
        <ul>
          {problem.issues.map((issue) => (
            <li key={issue}>{issue}</li>
          ))}
        </ul>
      )}
    </div>
    {retry !== undefined && (
      <button type="button" class="btn" onClick={retry}>
        <Icon name="retry" />
        Try again
      </button>
    )}
  </div>
)

/** Shows what there is of something that is asked for: it, or why not, or that it is under way. */
export const Loaded = <A,>(props: {
  readonly resource: {
    readonly value: A | undefined
    readonly problem: Problem | undefined
    readonly reload: () => void
  }
  readonly rows?: number
  readonly children: (value: A) => ComponentChildren
}) => {
  const { problem, reload, value } = props.resource
  if (value === undefined)
    return problem === undefined ? <Loading rows={props.rows ?? 4} /> : <ProblemNote problem={problem} retry={reload} />
  return (
    <>
      {problem !== undefined && (
        <ProblemNote problem={{ ...problem, title: `Shown as it was: ${problem.title}` }} retry={reload} />
      )}
      {props.children(value)}
    </>
  )
}
