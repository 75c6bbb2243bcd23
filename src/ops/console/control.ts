import { signal } from "@preact/signals"
import { cliOfControl } from "../cliTwin.ts"
import type { ControlBody } from "../ControlApi.ts"
import { type Answer, post } from "./api.ts"
import { command } from "./feed.ts"
import { remembered } from "./remembered.ts"

/** Who acts, as the audit shows it. */
export const actor = remembered("local", "millrace.actor", "console")

type Without<Body> = Body extends unknown ? Omit<Body, "actor" | "why"> : never

/** A control without who asks for it, and why. */
export type Control = Without<ControlBody>

interface Words {
  readonly title: string
  /** What it means, and how it is taken back. */
  readonly text: string
  readonly confirm: string
}

/** What is asked before it is done. */
export interface Question extends Words {
  readonly isWhyNeeded: boolean
  /** The same by the command line. */
  readonly twin: (why: string) => string
  readonly send: (why: string) => Promise<Answer<{ readonly changed: boolean }>>
}

/** The question that is open. */
export const question = signal<Question | undefined>(undefined)

export const ask = (one: Question): void => {
  question.value = one
}

/** Asks before a control is sent. */
export const askControl = ({ control, ...words }: Words & { readonly control: Control }): void =>
  ask({
    ...words,
    isWhyNeeded: false,
    twin: (why) => cliOfControl(command.value, { ...control, actor: "", why }),
    send: (why) => post("control", { ...control, actor: actor.value, why })
  })
