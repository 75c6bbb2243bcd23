import { signal } from "@preact/signals"
import { useEffect, useState } from "preact/hooks"
import type { ActAnswer } from "../OpsApi.ts"
import type { Answer } from "./api.ts"
import { parkedTwin } from "./parkedTwin.ts"
import { actor } from "./control.ts"
import { Dialog } from "./Dialog.tsx"
import { count, duration, plural } from "./format.ts"
import { Loading, ProblemNote } from "./Pane.tsx"
import { type ActName, cancel, countOf, type Job, job, portionMax, preview, run, type Target } from "./parkedActs.ts"
import { idOf, noSelection, selection } from "./parkedStore.ts"
import { ActorFields } from "./QuestionDialog.tsx"
import { Twin } from "./Said.tsx"

/** What is to be confirmed. */
export const wish = signal<{ readonly act: ActName; readonly target: Target } | undefined>(undefined)

const close = (): void => {
  if (job.value !== undefined) selection.value = noSelection
  wish.value = undefined
  job.value = undefined
}

// What is closed while it is under way stops before its next portion.
const abandon = (): void => {
  cancel()
  close()
}

const meanings: Readonly<Record<ActName, string>> = {
  replay:
    "All their events are tried again, in order, and then they go on with what is new. What fails again is parked again: nothing is lost.",
  skip: "The failing event of each is taken out and kept on record; what is behind it is replayed. It cannot be put back.",
  discard:
    "All their parked events are taken out and kept on record. They cannot be put back: what they should have done is never done."
}

const titles: Readonly<Record<ActName, string>> = { replay: "Replay", skip: "Skip", discard: "Discard" }

const twinOf = (act: ActName, target: Target, why: string, rate: number): string => {
  const paced = act === "replay" ? rate : undefined
  if (target.kind === "matching") return parkedTwin(act, target.filter, why, paced)
  const [first, ...others] = target.keys
  const command = parkedTwin(act, first === undefined ? {} : { handler: first.handler, key: first.key }, why, paced)
  return others.length === 0 ? command : `${command}   # and so for ${plural(others.length, "other key")}`
}

const namesMax = 12

const Names = ({
  names,
  total
}: {
  readonly names: ReadonlyArray<{ readonly handler: string; readonly key: string }>
  readonly total: number
}) => (
  <ul class="names" tabIndex={0} aria-label="Keys">
    {names.slice(0, namesMax).map((one) => (
      <li key={idOf(one)}>
        <span class="muted">{one.handler}</span> <span class="mono">{one.key}</span>
      </li>
    ))}
    {total > namesMax && <li class="muted num">and {count(total - namesMax)} more, the oldest first</li>}
  </ul>
)

const Preview = ({ act, target }: { readonly act: ActName; readonly target: Target }) => {
  const [answer, set] = useState<Answer<typeof ActAnswer.Type> | undefined>(undefined)
  useEffect(() => {
    if (target.kind === "matching") void preview(act, target.filter).then(set)
  }, [])
  if (target.kind === "keys") return <Names names={target.keys} total={target.keys.length} />
  if (answer === undefined) return <Loading rows={3} />
  return answer.ok ? (
    <Names names={answer.value.keys} total={answer.value.matched} />
  ) : (
    <ProblemNote problem={answer.problem} />
  )
}

const eventsOf = (target: Target): string =>
  target.kind === "keys"
    ? ` with ${plural(
        target.keys.reduce((sum, { events }) => sum + events, 0),
        "event"
      )}`
    : ""

const Pace = ({
  rate,
  set,
  total
}: {
  readonly rate: number
  readonly set: (rate: number) => void
  readonly total: number
}) => (
  <label class="inline">
    <span>Keys a second</span>
    <input
      type="number"
      class="num narrow"
      min="1"
      max="100000"
      value={rate}
      onInput={(event) => set(Math.max(1, Math.round(Number(event.currentTarget.value)) || 1))}
    />
    <span class="muted num">
      takes about {duration((total / rate) * 1_000)}, {count(portionMax)} keys at most in one portion
    </span>
  </label>
)

const Confirm = ({ act, target }: { readonly act: ActName; readonly target: Target }) => {
  const [why, setWhy] = useState("")
  const [rate, setRate] = useState(100)
  const total = countOf(target)
  const submit = (event: Event): void => {
    event.preventDefault()
    void run({ act, target, why, ratePerSecond: rate })
  }
  return (
    <form onSubmit={submit}>
      <p>
        <b class="num">
          {plural(total, "key")}
          {eventsOf(target)}.
        </b>{" "}
        {meanings[act]}
      </p>
      <Preview act={act} target={target} />
      {act === "replay" && <Pace rate={rate} set={setRate} total={total} />}
      <ActorFields why={why} setWhy={setWhy} isWhyNeeded={act === "discard"} />
      <Twin command={twinOf(act, target, why, rate)} />
      <div class="dialog-buttons">
        <button type="button" class="btn" onClick={close}>
          Cancel
        </button>
        <button
          type="submit"
          class={`btn ${act === "replay" ? "btn-main" : "btn-danger"} num`}
          disabled={total === 0 || actor.value === "" || (act === "discard" && why === "")}
        >
          {titles[act]} {plural(total, "key")}
        </button>
      </div>
    </form>
  )
}

const outcomes: Readonly<Record<Job["state"], string>> = {
  running: "Under way",
  done: "Done",
  cancelled: "Stopped: what is not done is untouched",
  failed: "Stopped at a refusal: what is not done is untouched"
}

const Progress = ({ one }: { readonly one: Job }) => (
  <div>
    <p role="status">
      {outcomes[one.state]}:{" "}
      <b class="num">
        {count(one.done)} of {count(one.total)} keys
      </b>
      {one.tried > one.done && <span class="muted num"> · {count(one.tried - one.done)} were no longer parked</span>}
    </p>
    <progress max={one.total} value={one.tried} aria-label={titles[one.act]} />
    {one.problem !== undefined && <ProblemNote problem={one.problem} />}
    <div class="dialog-buttons">
      {one.state === "running" ? (
        <button type="button" class="btn" onClick={cancel}>
          Stop
        </button>
      ) : (
        <button type="button" class="btn btn-main" onClick={close}>
          Close
        </button>
      )}
    </div>
  </div>
)

/** Preview, confirmation, and progress of an act on parked keys. */
export const ActDialog = () => {
  const one = wish.value
  if (one === undefined) return null
  return (
    <Dialog title={`${titles[one.act]} ${plural(countOf(one.target), "parked key")}?`} close={abandon}>
      {job.value === undefined ? <Confirm {...one} /> : <Progress one={job.value} />}
    </Dialog>
  )
}
