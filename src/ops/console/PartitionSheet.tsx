import type { PartitionBody } from "../OverviewApi.ts"
import { get } from "./api.ts"
import { cliOfControl } from "../cliTwin.ts"
import { askControl } from "./control.ts"
import { command, isReadOnly } from "./feed.ts"
import { count, duration, rate, shortId } from "./format.ts"
import { Icon } from "./Icon.tsx"
import { Loaded } from "./Pane.tsx"
import { StateMark } from "./Partitions.tsx"
import { change, hrefOf, pairIn, queryOf } from "./route.ts"
import { Fact, Time, Twin } from "./Said.tsx"
import { Sheet } from "./Sheet.tsx"
import { useResource } from "./useResource.ts"

const controlOf = ({ handler, partition, paused }: PartitionBody) =>
  ({ act: paused === null ? "pause" : "resume", handler, partition }) as const

const askFor = (body: PartitionBody): void => {
  const { act, handler, partition } = controlOf(body)
  const name = `${handler}/${partition}`
  askControl({
    title: act === "pause" ? `Pause partition ${name}?` : `Resume partition ${name}?`,
    text:
      act === "pause"
        ? "What is in hand is finished, then the keys of this partition wait, over restarts too, until it is resumed. Nothing is lost."
        : "It goes on where it stopped, in order.",
    confirm: act === "pause" ? `Pause ${name}` : `Resume ${name}`,
    control: controlOf(body)
  })
}

const Owner = ({ body }: { readonly body: PartitionBody }) => (
  <Fact name="Owner">
    {body.owner === null ? (
      "nobody"
    ) : (
      <a
        href={hrefOf("instances", { instance: body.owner })}
        title={`${body.owner}: its instance, which can be drained`}
      >
        {shortId(body.owner)}
      </a>
    )}
    <span class="muted num"> epoch {count(body.epoch)}</span>
  </Fact>
)

const Facts = ({ body }: { readonly body: PartitionBody }) => (
  <dl class="facts">
    <Fact name="State">
      <StateMark state={body.state} />
    </Fact>
    <Owner body={body} />
    <Fact name="Ack floor">
      <span class="num">#{count(body.cursor)}</span>
    </Fact>
    <Fact name="Lag">
      <span class="num">
        {count(body.lag)} · oldest {duration(body.oldestMs)}
      </span>
    </Fact>
    <Fact name="In hand">{count(body.inHand)}</Fact>
    {body.keysInFlight.length > 0 && (
      <Fact name="In flight">
        {body.keysInFlight.map((key) => (
          <a key={key} class="key" href={hrefOf("trace", { name: key })} title={`Trace ${key}`}>
            {key}
          </a>
        ))}
      </Fact>
    )}
    <Fact name="Handled">
      <span class="num">
        {rate(body.perSecond)}/s · p95 {duration(body.p95Ms)}
      </span>
    </Fact>
    <Fact name="Retries">{count(body.failures)} in the last minute</Fact>
    {body.paused !== null && (
      <Fact name="Paused">
        by {body.paused.actor} <Time atMs={body.paused.atMs} isAgo /> {body.paused.why}
      </Fact>
    )}
  </dl>
)

const LastError = ({ error }: { readonly error: NonNullable<PartitionBody["lastError"]> }) => (
  <div class="problem">
    <Icon name="alert" />
    <div>
      <b>
        Last error, <a href={hrefOf("trace", { name: error.key })}>{error.key}</a>, <Time atMs={error.atMs} isAgo />
      </b>
      <p class="mono">{error.message}</p>
    </div>
  </div>
)

/** One partition of a handler, closely. */
export const PartitionSheet = () => {
  const [handler, partition] = pairIn(queryOf("cell")) ?? ["", ""]
  const resource = useResource(
    queryOf("cell"),
    (signal) => get<PartitionBody>(`partitions/${encodeURIComponent(handler)}/${partition}`, {}, signal),
    { everyMs: 2_000 }
  )
  const close = (): void => change({ cell: undefined })
  return (
    <Sheet title={`${handler} · partition ${partition}`} name={queryOf("cell")} close={close}>
      <Loaded resource={resource}>
        {(body) => (
          <>
            <Facts body={body} />
            {body.lastError !== null && <LastError error={body.lastError} />}
            <div class="tools">
              <button
                type="button"
                class="btn btn-main"
                data-key="p"
                disabled={isReadOnly.value}
                onClick={() => askFor(body)}
              >
                <Icon name={body.paused === null ? "pause" : "play"} />
                {body.paused === null ? "Pause" : "Resume"} this partition
              </button>
            </div>
            <Twin command={cliOfControl(command.value, { ...controlOf(body), actor: "", why: "" })} />
          </>
        )}
      </Loaded>
    </Sheet>
  )
}
