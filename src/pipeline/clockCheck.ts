import { Clock, Effect } from "effect"
import { type Check, check, ok, warning } from "./Check.ts"

/** Beyond this, ages and latencies that are shown are wrong by as much. Order and leases do not depend on clocks. */
const skewMaxMs = 1_000

/** How far a server's clock is from ours, within half of a round trip. `ask`: its time in milliseconds since 1970. */
export const clockCheck = <E>(peer: string, remedy: string, ask: Effect.Effect<number | undefined, E>): Check =>
  check(
    `${peer} clock`,
    remedy,
    Effect.gen(function* () {
      const beforeMs = yield* Clock.currentTimeMillis
      const theirsMs = yield* ask
      const afterMs = yield* Clock.currentTimeMillis
      if (theirsMs === undefined) return ok("not asked: it only tells with the stream, which is not there yet")
      const skewMs = Math.round(theirsMs - (beforeMs + afterMs) / 2)
      const within = Math.max(1, Math.ceil((afterMs - beforeMs) / 2))
      const said = `${Math.abs(skewMs)} ms ${skewMs < 0 ? "behind" : "ahead of"} this machine's (± ${within} ms)`
      return Math.abs(skewMs) - within <= skewMaxMs
        ? ok(said)
        : warning(
            `${said}: leases and order do not depend on it, but ages and latencies that are shown do`,
            "let both machines take their time from NTP (timedatectl, chronyc tracking)"
          )
    })
  )
