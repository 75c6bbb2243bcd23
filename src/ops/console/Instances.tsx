import type { InstanceBody, OverviewBody } from "../OverviewApi.ts"
import { askControl } from "./control.ts"
import { isReadOnly } from "./feed.ts"
import { count, duration, shortId } from "./format.ts"
import { useFrozen, useHold } from "./hold.ts"
import { Icon } from "./Icon.tsx"
import { Empty, Pane } from "./Pane.tsx"
import { queryOf } from "./route.ts"
import { Time } from "./Said.tsx"

const askFor = ({ draining, id, partitions }: InstanceBody): void => {
  const act = draining ? "undrain" : "drain"
  askControl({
    title: draining ? `Let ${id} take partitions again?` : `Drain ${id}?`,
    text: draining
      ? "It takes its share of partitions again."
      : `It finishes what is in hand and hands its ${partitions} partitions to the other instances; it takes none until it is undrained. Nothing is lost.`,
    confirm: draining ? `Undrain ${id}` : `Drain ${id}`,
    control: { act, instance: id }
  })
}

/** A beat that is older than this is late. */
const lateMs = 5_000

const Row = ({ isOdd, one }: { readonly one: InstanceBody; readonly isOdd: boolean }) => (
  <tr aria-selected={queryOf("instance") === one.id}>
    <th scope="row">
      <span class="mono" title={one.id}>
        {shortId(one.id)}
      </span>
      {one.leads && <span class="chip">leads</span>}
      {one.draining && <span class="chip chip-warn">draining</span>}
    </th>
    <td>{one.host}</td>
    <td>
      <span class="num">{one.version}</span>
      {isOdd && <span class="chip chip-warn">another version</span>}
    </td>
    <td>{one.roles.join(", ")}</td>
    <td class="num right">{count(one.partitions)}</td>
    <td class="num right">{count(one.inHand)}</td>
    <td class={`num right ${one.seenMs > lateMs ? "warn-text" : ""}`}>
      {one.seenMs > lateMs && <Icon name="alert" />}
      {duration(one.seenMs)}
    </td>
    <td class="right">
      <Time atMs={one.startedAtMs} isAgo />
    </td>
    <td class="right">
      <button type="button" class="btn" data-row disabled={isReadOnly.value} onClick={() => askFor(one)}>
        {one.draining ? "Undrain" : "Drain"}
        <span class="unseen"> {one.id}</span>
      </button>
    </td>
  </tr>
)

const columns = [
  ["Instance", ""],
  ["Host", ""],
  ["Version", ""],
  ["Roles", ""],
  ["Partitions", "right"],
  ["In hand", "right"],
  ["Last beat", "right"],
  ["Started", "right"],
  ["", "right"]
] as const

/** The version that most have. */
const usualVersion = (instances: ReadonlyArray<InstanceBody>): string | undefined =>
  [...Map.groupBy(instances, ({ version }) => version)].toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0]

/** The processes that show themselves alive. */
export const Instances = ({ body }: { readonly body: OverviewBody }) => {
  const hold = useHold()
  const { instances } = useFrozen(hold, body)
  const usual = usualVersion(instances)
  const isMixed = instances.some(({ version }) => version !== usual)
  return (
    <Pane
      id="instances"
      title="Instances"
      note={isMixed ? `${instances.length}, of mixed versions` : count(instances.length)}
      hold={hold}
    >
      {instances.length === 0 ? (
        <Empty icon="search">No instance shows itself alive.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of instances">
          <table class="grid">
            <thead>
              <tr>
                {columns.map(([name, side]) => (
                  <th key={name} scope="col" class={side}>
                    {name === "" ? <span class="unseen">Acts</span> : name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {instances.map((one) => (
                <Row key={one.id} one={one} isOdd={one.version !== usual} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Pane>
  )
}
