/**
 * When an event was appended, in milliseconds since 1970, by the clock of the process that did: the first 48 bits of its
 * id, a UUIDv7 (RFC 9562, section 5.7). 0 for an id that is none.
 */
export const appendedAtMsOf = (eventId: string): number => {
  const ms = eventId.charCodeAt(14) === 0x37 ? Number.parseInt(eventId.slice(0, 8) + eventId.slice(9, 13), 16) : 0
  return Number.isNaN(ms) ? 0 : ms
}
