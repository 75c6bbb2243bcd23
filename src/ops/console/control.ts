import { signal } from "@preact/signals"
import type { ControlAnswer, ControlBody } from "../ControlApi.ts"
import { type Answer, post } from "./api.ts"
import { remembered } from "./remembered.ts"

/** Who acts, as the audit shows it. */
export const actor = remembered("local", "millrace.actor", "console")

type Without<Body> = Body extends unknown ? Omit<Body, "actor" | "why"> : never

/** A control without who asks for it, and why. */
export type Control = Without<ControlBody>

export const send = (control: Control, why: string): Promise<Answer<typeof ControlAnswer.Type>> =>
  post("control", { ...control, actor: actor.value, why })

/** What is asked before it is done. */
export interface Question {
  readonly title: string
  /** What it means, and how it is taken back. */
  readonly text: string
  readonly confirm: string
  readonly control: Control
}

/** The question that is open. */
export const question = signal<Question | undefined>(undefined)

export const ask = (one: Question): void => {
  question.value = one
}
