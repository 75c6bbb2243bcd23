import { Context, type Effect } from "effect"

/** Lets every lease and every sign of life of a stream run out, as if its owner had been away for longer. */
export class LeaseClock extends Context.Service<
  LeaseClock,
  { readonly expire: (stream: string) => Effect.Effect<void> }
>()("millrace/testing/laws/LeaseClock") {}
