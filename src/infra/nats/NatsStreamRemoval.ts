import { jetstreamManager } from "@nats-io/jetstream"
import { Effect, Layer } from "effect"
import { StreamRemoval } from "../../pipeline/BackupStore.ts"
import { NatsConnection } from "./NatsConnection.ts"
import { requestMs, streamNameOf } from "./NatsEventLog.ts"
import { call } from "./natsFailure.ts"
import { isStreamMissing } from "./StreamDeclaration.ts"

/** Deletes streams; one that is not there is gone already. */
export const layer: Layer.Layer<StreamRemoval, never, NatsConnection> = Layer.effect(
  StreamRemoval,
  Effect.map(NatsConnection, ({ connection }) =>
    StreamRemoval.of({
      remove: (name) =>
        call("delete a stream", async () => {
          const manager = await jetstreamManager(connection, { checkAPI: false, timeout: requestMs })
          await manager.streams.delete(streamNameOf(name))
        }).pipe(Effect.catchIf(isStreamMissing, () => Effect.void))
    })
  )
)
