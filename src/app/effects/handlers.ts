import { Effect } from "effect"
import type { OrderEvent } from "../../domain/OrderEvent.ts"
import * as Handler from "../../pipeline/Handler.ts"
import { type RetryPolicy, withTags } from "../../pipeline/RetryPolicy.ts"
import { traceparentOr } from "../../pipeline/Trace.ts"
import { Orders } from "../orders/Orders.ts"
import { OrderViews } from "../orders/OrderViews.ts"
import { Points, pointsPerPaidOrder } from "../orders/Points.ts"
import { Revenue } from "../orders/Revenue.ts"
import { Mailer, type MailFailed, type MailRejected, type MailUnauthorized, smtpConnectionsMax } from "./Mailer.ts"
import { mailOf, sentenceOf } from "./messages.ts"
import { Push, type PushFailed, type PushNotice, type PushRejected } from "./Push.ts"

/** Keeps the read model. Exactly once. */
export const readModel = (retry: RetryPolicy) =>
  Handler.transactionalBatch(Orders, "read-model", { retry }, (deliveries) =>
    Effect.flatMap(OrderViews, (views) => views.apply(deliveries))
  )

/** Books loyalty points for paid orders. Exactly once. */
export const points = (retry: RetryPolicy) =>
  Handler.transactionalBatch(Orders, "points", { on: ["paid"], retry }, (deliveries) =>
    Effect.flatMap(Points, (accounts) =>
      accounts.add(
        deliveries.map(({ event }) => event.userId),
        pointsPerPaidOrder
      )
    )
  )

/** Sums up what is paid, by day and SKU. Exactly once, in any order: every instance takes a part. */
export const analytics = (retry: RetryPolicy) =>
  Handler.balanced(
    Handler.transactionalBatch(Orders, "analytics", { on: ["paid"], retry }, (deliveries) =>
      Effect.flatMap(Revenue, (revenue) => revenue.book(deliveries.map(({ event }) => event)))
    )
  )

const mailRetry = withTags<MailFailed | MailRejected | MailUnauthorized>({
  MailRejected: { class: "poison" },
  MailUnauthorized: { class: "fatal" }
})

const pushRetry = withTags<PushFailed | PushRejected>({ PushRejected: { class: "poison" } })

/** Confirms orders and announces shipping by mail. At least once, under one Message-ID. */
export const mail = (retry: RetryPolicy) =>
  Handler.external(
    Orders,
    "mail",
    { on: ["created", "shipped"], retry: mailRetry(retry), keysAtOnceMax: smtpConnectionsMax },
    ({ event, idempotencyKey, traceparent }) =>
      Effect.gen(function* () {
        const mailer = yield* Mailer
        const trace = yield* traceparentOr(traceparent)
        yield* mailer.send({ to: event.email, ...mailOf(event), idempotencyKey, traceparent: trace })
      })
  )

/** Tells the user's devices of everything that happens. At least once, under one idempotency key. */
export const push = (retry: RetryPolicy) =>
  Handler.external(Orders, "push", { retry: pushRetry(retry) }, (delivery) =>
    Effect.gen(function* () {
      const sender = yield* Push
      const traceparent = yield* traceparentOr(delivery.traceparent)
      yield* sender.send(noticeOf({ ...delivery, traceparent }))
    })
  )

const noticeOf = ({
  event,
  eventId,
  idempotencyKey,
  traceparent,
  type,
  version
}: Handler.Delivery<OrderEvent>): PushNotice => ({
  body: {
    type: `${Orders.subject}.${type}`,
    eventId,
    orderId: event.orderId,
    userId: event.userId,
    version,
    occurredAt: event.occurredAt,
    message: sentenceOf(event)
  },
  idempotencyKey,
  traceparent
})

/** All handlers of the order app, under one retry policy. */
export const orderHandlers = (retry: RetryPolicy) => [
  readModel(retry),
  points(retry),
  mail(retry),
  push(retry),
  analytics(retry)
]
