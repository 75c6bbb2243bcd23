import { Schema } from "effect"

/** A promise that did not hold, and the seed that shows it again. */
export class PromiseBroken extends Schema.TaggedError<PromiseBroken>()("PromiseBroken", {
  seed: Schema.Int,
  faults: Schema.Array(Schema.String)
}) {
  override get message() {
    return `seed ${this.seed} breaks a promise (play it again with this seed alone):\n${this.faults.join("\n")}`
  }
}
