import type { Growth } from "./Growth.ts"
import { burstGrowth } from "./growths/burst.ts"
import { backlogGrowth, handlersGrowth, keysGrowth, partitionsGrowth, payloadGrowth } from "./growths/loads.ts"
import { outboxGrowth } from "./growths/outbox.ts"

/** All things that grow. */
export const growths: ReadonlyArray<Growth> = [
  keysGrowth,
  partitionsGrowth,
  handlersGrowth,
  payloadGrowth,
  backlogGrowth,
  outboxGrowth,
  burstGrowth
]
