import { Effect } from "effect"
import { external } from "../../src/pipeline/Handler.ts"
import { drain, filled, freshName, infra } from "../Fixture.ts"
import { bound, figureOf, inTurn } from "../Measure.ts"
import type { Row } from "../Row.ts"

export const waitingRow: Row = {
  number: 8,
  name: "waiting",
  what: "ordered handler that waits 2 ms for something outside, one process",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const events = Math.round(40_000 * size.scale)
    const stream = yield* filled(services, "waiting", { events, keys: 1_000, bytes: 512 })
    const rate = (keysAtOnceMax: number) =>
      drain(
        services,
        stream,
        external(stream, freshName("waiting"), { keysAtOnceMax }, () => Effect.sleep(2)),
        events
      )
    const figures = yield* inTurn(
      [
        { name: "32 keys at once", unit: "events/s", run: () => rate(32) },
        { name: "64 keys at once", unit: "events/s", run: () => rate(64) }
      ],
      size
    )
    return {
      figures,
      verdicts: [bound(figureOf(figures, "32 keys at once"), "≥", 5_000)],
      settings: `${events} events of 512 B, 1,000 keys; a timer of 2 ms takes 2.1 to 3.1 ms. How instances scale: node test/figures.ts balanced`
    }
  })
}
