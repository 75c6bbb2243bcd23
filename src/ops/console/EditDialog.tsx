import { signal } from "@preact/signals"
import { useState } from "preact/hooks"
import type { EditAnswer } from "../OpsApi.ts"
import { type Problem, post } from "./api.ts"
import { editTwin } from "./parkedTwin.ts"
import { actor } from "./control.ts"
import { Dialog } from "./Dialog.tsx"
import { Diff } from "./JsonView.tsx"
import { parse, pretty } from "./losslessJson.ts"
import { ProblemNote } from "./Pane.tsx"
import { parkedTurn } from "./parkedStore.ts"
import { ActorFields } from "./QuestionDialog.tsx"
import { announce, Twin } from "./Said.tsx"

/** A parked event whose payload is edited. */
export interface Edited {
  readonly handler: string
  readonly key: string
  readonly version: number
  readonly type: string
  readonly payload: string
}

export const edited = signal<Edited | undefined>(undefined)

type Checked = typeof EditAnswer.Type

const send = ({ handler, key, version }: Edited, payload: string, why: string, dryRun: boolean) =>
  post<Checked>("parked/edit", { handler, key, version, payload, dryRun, actor: actor.value, why })

const close = (): void => {
  edited.value = undefined
}

const Buttons = (props: { readonly isChecked: boolean; readonly isUsable: boolean; readonly back: () => void }) => (
  <div class="dialog-buttons">
    <button type="button" class="btn" onClick={props.isChecked ? props.back : close}>
      {props.isChecked ? "Edit on" : "Cancel"}
    </button>
    <button type="submit" class="btn btn-main" disabled={!props.isUsable}>
      {props.isChecked ? "Replace the payload" : "Check and show the difference"}
    </button>
  </div>
)

const Editor = ({ one }: { readonly one: Edited }) => {
  const [text, setText] = useState(pretty(one.payload))
  const [why, setWhy] = useState("")
  const [checked, setChecked] = useState<Checked | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const isJson = parse(text) !== undefined
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    const answer = await send(one, text, why, checked === undefined)
    setProblem(answer.ok ? undefined : answer.problem)
    if (!answer.ok) return
    if (checked === undefined) return setChecked(answer.value)
    announce("The payload is replaced")
    parkedTurn.value += 1
    close()
  }
  return (
    <form onSubmit={(event) => void submit(event)}>
      <p>
        It is checked by the Schema of <b>{one.type}</b> and keeps its key. The original stays on record. Replay goes on
        with it.
      </p>
      {checked === undefined ? (
        <textarea
          class="mono editor"
          aria-label="Payload"
          spellcheck={false}
          rows={16}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      ) : (
        <Diff before={checked.before} after={checked.after} />
      )}
      {!isJson && <p class="warn-text">This is no JSON yet.</p>}
      {problem !== undefined && <ProblemNote problem={problem} />}
      <ActorFields why={why} setWhy={setWhy} />
      <Twin command={editTwin(one.handler, one.key, one.version, why)} />
      <Buttons
        isChecked={checked !== undefined}
        isUsable={isJson && actor.value !== ""}
        back={() => setChecked(undefined)}
      />
    </form>
  )
}

/** Edits a payload: first what would change, then the change. */
export const EditDialog = () => {
  const one = edited.value
  return one === undefined ? null : (
    <Dialog title={`Edit version ${one.version} of ${one.key}`} close={close} isWide>
      <Editor one={one} />
    </Dialog>
  )
}
