import { Schema } from "effect"
import { Order } from "../../domain/Order.ts"
import { CommandAnswer } from "./OrderStore.ts"

// Rows are written by this service alone, so one that does not fit its Schema is a defect, not an input error.
const order = Schema.fromJsonString(Order)
const answer = Schema.fromJsonString(Schema.toCodecJson(CommandAnswer))

const encodeOrder = Schema.encodeSync(order)
const decodeOrder = Schema.decodeSync(order)
const encodeAnswer = Schema.encodeSync(answer)
const decodeAnswer = Schema.decodeSync(answer)

/** An order as the text of a JSON column. */
export const orderToJson = (value: Order): string => encodeOrder(value)

/** An order from the text of a JSON column. */
export const orderFromJson = (text: string): Order => decodeOrder(text)

/** An answer as the text of a JSON column. */
export const answerToJson = (value: CommandAnswer): string =>
  value._tag === "Accepted" ? `{"_tag":"Accepted","order":${orderToJson(value.order)}}` : encodeAnswer(value)

/** An answer from the text of a JSON column. */
export const answerFromJson = (text: string): CommandAnswer => decodeAnswer(text)
