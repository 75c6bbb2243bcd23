import { Context, type Effect } from "effect"

/** What tests see of the broker, and do to it. */
export class MemoryBroker extends Context.Service<
  MemoryBroker,
  {
    /** Forgets the newest messages, as a broker that acknowledged before it synced does in a crash. Readers are cut off. */
    readonly loseTail: (name: string, messages: number) => Effect.Effect<void>
    readonly messagesIn: (name: string) => number
  }
>()("millrace/infra/memory/MemoryBroker") {}
