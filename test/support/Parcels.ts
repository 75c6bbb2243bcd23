/** A stream whose events have changed twice, as three programs see it, one after the other. */
import { Schema } from "effect"
import * as Event from "../../src/pipeline/Event.ts"
import * as EventStream from "../../src/pipeline/EventStream.ts"

const text = Schema.String.check(Schema.isMinLength(1))

/** Weighed in pounds, and called something else. */
export const Sent1 = Schema.TaggedStruct("ParcelSent", { parcel: text, pounds: Schema.Finite })

/** Weighed in grams. */
export const Sent2 = Schema.TaggedStruct("Sent", { parcel: text, grams: Schema.Int })

/** With where it goes to. */
export const Sent3 = Schema.TaggedStruct("Sent", {
  parcel: text,
  grams: Schema.Int,
  to: Schema.Struct({ country: text })
})

export const Lost = Schema.TaggedStruct("Lost", { parcel: text })

const inGrams = ({ parcel, pounds }: typeof Sent1.Type) => Sent2.make({ parcel, grams: Math.round(pounds * 453.592) })

const atHome = ({ grams, parcel }: typeof Sent2.Type) => Sent3.make({ parcel, grams, to: { country: "DE" } })

/** As it was written first, before anybody thought of versions. */
export const parcels1 = EventStream.make("parcels", {
  subject: "parcel",
  events: { sent: Sent1, lost: Lost },
  key: (event) => event.parcel
})

export const parcels2 = EventStream.make("parcels", {
  subject: "parcel",
  events: { sent: Event.versions(Sent1).next(Sent2, inGrams), lost: Lost },
  key: (event) => event.parcel
})

export const parcels3 = EventStream.make("parcels", {
  subject: "parcel",
  events: { sent: Event.versions(Sent1).next(Sent2, inGrams).next(Sent3, atHome), lost: Lost },
  key: (event) => event.parcel
})
