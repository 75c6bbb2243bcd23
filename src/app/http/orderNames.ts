import { Effect, Layer, Option, Schema } from "effect"
import { OrderId } from "../../domain/Ids.ts"
import { TraceNames } from "../../ops/TraceName.ts"
import { OrderStore } from "../orders/OrderStore.ts"

const isOrderId = Schema.is(OrderId)

/** What a payload of any event of an order has. */
const OfOrder = Schema.fromJsonString(Schema.Struct({ orderId: Schema.String }))

const orderIdIn = Schema.decodeOption(OfOrder)

/** An order may be asked for by its id: it is those events of its user that are of it. */
export const orderNames: Layer.Layer<never, never, OrderStore> = Layer.effect(
  TraceNames,
  Effect.map(OrderStore, (store) => (name) => {
    if (!isOrderId(name)) return Effect.succeedNone
    const isOf = (payload: string) => Option.exists(orderIdIn(payload), ({ orderId }) => orderId === name)
    return store.find(name).pipe(
      Effect.map(Option.map(({ userId }) => ({ key: userId, isOf }))),
      // Then it is looked for as a key, and the store's failure is told by that.
      Effect.orElseSucceed(Option.none)
    )
  })
)
