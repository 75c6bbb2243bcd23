/** What a handler may have made of an event: `HandledBody` says what each means. */
export const eventStates = ["handled", "passed", "waiting", "retrying", "parked", "behind", "discarded"] as const
export type EventState = (typeof eventStates)[number]
