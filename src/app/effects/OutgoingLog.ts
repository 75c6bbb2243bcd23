import { Clock, Context, Effect, Layer } from "effect"

/** Lines a development sink may log per second; the rest is counted. */
export const linesPerSecondMax = 20

/** Logs what would have been sent, when no address to send it to is configured. */
export class OutgoingLog extends Context.Service<
  OutgoingLog,
  { readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => Effect.Effect<void> }
>()("millrace/app/effects/OutgoingLog") {
  static readonly layer: Layer.Layer<OutgoingLog> = Layer.sync(OutgoingLog, () => {
    let second = 0
    let lines = 0
    const say = Effect.fnUntraced(function* (what: string, fields: Readonly<Record<string, unknown>>) {
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1_000)
      const before = lines
      if (now !== second) [second, lines] = [now, 0]
      lines += 1
      if (lines === 1 && before > linesPerSecondMax)
        yield* Effect.logInfo(`… and ${before - linesPerSecondMax} more in that second`)
      if (lines <= linesPerSecondMax) yield* Effect.logInfo(what).pipe(Effect.annotateLogs(fields))
    })
    return OutgoingLog.of({ say })
  })
}
