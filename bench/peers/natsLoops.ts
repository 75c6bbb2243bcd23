/** What one would write by hand on the bare NATS client. */
import { AckPolicy, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream"
import type { MsgHdrs } from "@nats-io/transport-node"

/** Publishes with so many acknowledgements outstanding, a message id on each. */
export const publishWindow = async (
  client: JetStreamClient,
  subject: string,
  payload: string,
  count: number,
  makeHeaders: () => MsgHdrs,
  inFlightMax = 1_000
) => {
  let sent = 0
  const one = async (): Promise<void> => {
    while (sent < count) {
      sent += 1
      const headers = makeHeaders()
      headers.set("Nats-Msg-Id", `${sent}`)
      await client.publish(subject, payload, { headers })
    }
  }
  await Promise.all(Array.from({ length: inFlightMax }, one))
}

/** Consumes so many messages of a stream and only acknowledges them. Returns messages a second, the first tenth left out. */
export const consumeAndAck = async (
  client: JetStreamClient,
  manager: JetStreamManager,
  stream: string,
  count: number
): Promise<number> => {
  const info = await manager.consumers.add(stream, { ack_policy: AckPolicy.Explicit, max_ack_pending: 1_000 })
  const consumer = await client.consumers.get(stream, info.name)
  return await new Promise((resolve) => {
    let seen = 0
    let beganAt = 0
    const opened = consumer.consume({
      max_messages: 1_000,
      callback: (message) => {
        message.ack()
        seen += 1
        if (seen === Math.floor(count / 10)) beganAt = performance.now()
        if (seen !== count) return
        const rate = ((count - Math.floor(count / 10)) * 1_000) / (performance.now() - beganAt)
        void opened.then((messages) => messages.close()).then(() => resolve(rate))
      }
    })
  })
}
