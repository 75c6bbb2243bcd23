import { useState } from "preact/hooks"
import type { Problem } from "./api.ts"
import { actor, question, type Question } from "./control.ts"
import { Dialog } from "./Dialog.tsx"
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
    const answer = await one.send(why)
    setSending(false)
    if (!answer.ok) return setProblem(answer.problem)
    announce(answer.value.changed ? `${one.confirm}: done` : "It was so before")
    close()
  }
  return (
    <Dialog title={one.title} close={close}>
      <form onSubmit={(event) => void confirm(event)}>
        <p>{one.text}</p>
        <ActorFields why={why} setWhy={setWhy} isWhyNeeded={one.isWhyNeeded} />
        <Twin command={one.twin(why)} />
        {problem !== undefined && <ProblemNote problem={problem} />}
        <div class="dialog-buttons">
          <button type="button" class="btn" onClick={close}>
            Cancel
          </button>
          <button
            type="submit"
            class="btn btn-main"
            disabled={isSending || actor.value === "" || (one.isWhyNeeded && why === "")}
          >
            {one.confirm}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** Asks before something is done. */
export const QuestionDialog = () =>
  question.value === undefined ? null : <Asked key={question.value.title} one={question.value} />
