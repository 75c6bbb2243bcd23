import { useState } from "preact/hooks"
import { type Problem, token } from "./api.ts"
import { connect, enterToken, feed, nowMs, overview } from "./feed.ts"
import { Icon } from "./Icon.tsx"
import { Loading } from "./Pane.tsx"

/** Asks for the token once; this tab remembers it. */
const TokenForm = ({ problem }: { readonly problem: Problem }) => {
  const [text, set] = useState("")
  return (
    <form
      class="gate"
      onSubmit={(event) => {
        event.preventDefault()
        enterToken(text.trim())
      }}
    >
      <Icon name="lock" />
      <h1>{token.value === "" ? "This pipeline asks for its token" : "This is not its token"}</h1>
      <p>
        It is <code>OPS_TOKEN</code> of the pipeline. It is kept in this tab only, and sent to nobody else.
      </p>
      <label>
        <span>Token</span>
        <input
          type="password"
          autocomplete="off"
          required
          value={text}
          onInput={(event) => set(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="btn btn-main" disabled={text.trim() === ""}>
        Open
      </button>
      <p class="muted">{problem.title}</p>
    </form>
  )
}

const Refused = ({ problem }: { readonly problem: Problem }) => (
  <div class="gate" role="alert">
    <Icon name="lock" />
    <h1>{problem.title}</h1>
    <p>{problem.detail}</p>
    <p class="muted">
      Set <code>OPS_TOKEN</code> on the pipeline and open this page again, or open it on the machine itself.
    </p>
    <button type="button" class="btn" onClick={connect}>
      Try again
    </button>
  </div>
)

const Unreachable = ({ atMs, problem }: { readonly atMs: number; readonly problem: Problem }) => (
  <div class="gate" role="alert">
    <Icon name="alert" />
    <h1>The pipeline does not answer</h1>
    <p>
      {problem.title}
      {problem.detail !== "" && `: ${problem.detail}`}
    </p>
    <p class="muted num">Next try in {Math.max(0, Math.ceil((atMs - nowMs.value) / 1_000))} s</p>
    <button type="button" class="btn" onClick={connect}>
      Try now
    </button>
  </div>
)

/** What stands in the way of the page; undefined: nothing does. */
export const gate = () => {
  const state = feed.value
  if (state.kind === "refused")
    return state.problem.status === 401 ? <TokenForm problem={state.problem} /> : <Refused problem={state.problem} />
  if (overview.value !== undefined) return undefined
  if (state.kind === "retrying") return <Unreachable atMs={state.atMs} problem={state.problem} />
  return (
    <div class="gate">
      <Loading rows={6} />
    </div>
  )
}
