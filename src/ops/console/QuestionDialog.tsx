import { useState } from "preact/hooks"
import { cliOfControl } from "../cliTwin.ts"
import type { Problem } from "./api.ts"
import { actor, question, send, type Question } from "./control.ts"
import { Dialog } from "./Dialog.tsx"
import { command } from "./feed.ts"
import { ProblemNote } from "./Pane.tsx"
import { announce, Twin } from "./Said.tsx"

/** Who acts, and why: for the audit. */
export const ActorFields = (props: {
  readonly why: string
  readonly setWhy: (why: string) => void
  readonly isWhyNeeded?: boolean
}) => (
  <div class="fields">
    <label>
      <span>By</span>
      <input
        value={actor.value}
        maxLength={255}
        required
        onInput={(event) => (actor.value = event.currentTarget.value)}
      />
    </label>
    <label class="grow">
      <span>Why{props.isWhyNeeded === true ? "" : " (for the audit)"}</span>
      <input
        value={props.why}
        maxLength={2_000}
        required={props.isWhyNeeded === true}
        onInput={(event) => props.setWhy(event.currentTarget.value)}
      />
    </label>
  </div>
)

const Asked = ({ one }: { readonly one: Question }) => {
  const [why, setWhy] = useState("")
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [isSending, setSending] = useState(false)
  const close = (): void => {
    question.value = undefined
  }
  const confirm = async (event: Event): Promise<void> => {
    event.preventDefault()
    setSending(true)
    const answer = await send(one.control, why)
    setSending(false)
    if (!answer.ok) return setProblem(answer.problem)
    announce(answer.value.changed ? `${one.confirm}: done` : "It was so before")
    close()
  }
  return (
    <Dialog title={one.title} close={close}>
      <form onSubmit={(event) => void confirm(event)}>
        <p>{one.text}</p>
        <ActorFields why={why} setWhy={setWhy} />
        <Twin command={cliOfControl(command.value, { ...one.control, actor: "", why })} />
        {problem !== undefined && <ProblemNote problem={problem} />}
        <div class="dialog-buttons">
          <button type="button" class="btn" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="btn btn-main" disabled={isSending || actor.value === ""}>
            {one.confirm}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** Asks before a control is sent. */
export const QuestionDialog = () =>
  question.value === undefined ? null : <Asked key={question.value.title} one={question.value} />
