import { cliOfAcknowledge } from "../cliTwin.ts"
import type { AcknowledgeAnswer, ViolationBody, ViolationsBody } from "../ViolationsApi.ts"
import { get, post } from "./api.ts"
import { actor, ask } from "./control.ts"
import { command, isReadOnly } from "./feed.ts"
import { count, plural } from "./format.ts"
import { useFrozen, useHold } from "./hold.ts"
import { Empty, Loaded, Pane } from "./Pane.tsx"
import { hrefOf, pairOf } from "./route.ts"
import { Time, Twin } from "./Said.tsx"
import { useResource } from "./useResource.ts"

/** Violations that are shown, the newest. */
const shownMax = 100

const askFor = ({ handler, id, key, parkedEvents }: ViolationBody, done: () => void): void => {
  const of = { handler, key, upToId: id }
  ask({
    title: `Acknowledge the violations of ${key} for ${handler}?`,
    text: `Say what was found. They stay on record and count no more: alert, doctor and audit are as before them. The next one counts again. ${
      parkedEvents === 0
        ? "Nothing of the key is parked."
        : `Its ${plural(parkedEvents, "parked event")} stay parked: replay, skip or discard them apart.`
    } This cannot be taken back.`,
    confirm: `Acknowledge ${key}`,
    isWhyNeeded: true,
    twin: (why) => cliOfAcknowledge(command.value, { ...of, why }),
    send: async (why) => {
      const answer = await post<typeof AcknowledgeAnswer.Type>("violations/acknowledge", {
        ...of,
        actor: actor.value,
        why
      })
      if (answer.ok) done()
      return answer.ok ? { ok: true, value: { changed: answer.value.acknowledged > 0 } } : answer
    }
  })
}

const Parked = ({ one }: { readonly one: ViolationBody }) =>
  one.parkedEvents === 0 ? (
    <>0</>
  ) : (
    <a href={hrefOf("parked", { at: pairOf(one.handler, one.key) })} title="What is parked of it">
      {count(one.parkedEvents)}
    </a>
  )

const State = ({ one, reload }: { readonly one: ViolationBody; readonly reload: () => void }) =>
  one.acknowledged === null ? (
    <button type="button" class="btn" data-row disabled={isReadOnly.value} onClick={() => askFor(one, reload)}>
      Acknowledge
      <span class="unseen">
        {" "}
        {one.key} for {one.handler}, version {one.version}
      </span>
    </button>
  ) : (
    <span class="muted">
      acknowledged by {one.acknowledged.actor} <Time atMs={one.acknowledged.atMs} isAgo />: {one.acknowledged.why}
    </span>
  )

const Row = ({ one, reload }: { readonly one: ViolationBody; readonly reload: () => void }) => (
  <tr class={one.acknowledged === null ? "bad" : ""}>
    <th scope="row">{one.handler}</th>
    <td>
      <a class="key" href={hrefOf("trace", { name: one.key })} title={`Trace ${one.key}`}>
        {one.key}
      </a>
    </td>
    <td class="num right">{count(one.handledVersion)}</td>
    <td class="num right">{count(one.version)}</td>
    <td class="right">
      <Time atMs={one.seenAtMs} isAgo />
    </td>
    <td class="num right">
      <Parked one={one} />
    </td>
    <td>
      <State one={one} reload={reload} />
    </td>
  </tr>
)

const columns = [
  ["Handler", ""],
  ["Key", ""],
  ["Had", "right"],
  ["Got", "right"],
  ["Seen", "right"],
  ["Parked", "right"],
  ["State", ""]
] as const

const Rows = ({ found, reload }: { readonly found: ViolationsBody; readonly reload: () => void }) => (
  <div class="scroll" tabIndex={0} role="region" aria-label="Table of order violations">
    <table class="grid">
      <thead>
        <tr>
          {columns.map(([name, side]) => (
            <th key={name} scope="col" class={side}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {found.violations.map((one) => (
          <Row key={one.id} one={one} reload={reload} />
        ))}
      </tbody>
    </table>
  </div>
)

/** What somebody has just done is shown, whoever points at it. */
const acknowledgedIn = (found: ViolationsBody | undefined): string =>
  String(found?.violations.filter(({ acknowledged }) => acknowledged !== null).length)

/** Events that came out of the order of their key: what nobody has looked into counts. Asked for anew when their number changes. */
export const Violations = ({ open }: { readonly open: number }) => {
  const hold = useHold()
  const asked = useResource(
    "violations",
    (signal) => get<ViolationsBody>("violations", { which: "all", limit: shownMax }, signal),
    { again: open }
  )
  const resource = useFrozen(hold, asked, acknowledgedIn(asked.value))
  return (
    <Pane
      id="violations"
      title="Order violations"
      note={open === 0 ? "none is open" : `${plural(open, "violation")} open`}
      hold={hold}
    >
      <Loaded resource={resource} rows={1}>
        {(found) =>
          found.violations.length === 0 ? (
            <Empty>None was ever seen: every event came in the order of its key.</Empty>
          ) : (
            <Rows found={found} reload={resource.reload} />
          )
        }
      </Loaded>
      <Twin command={`${command.value} violations list --all`} />
    </Pane>
  )
}
