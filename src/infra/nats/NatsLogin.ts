/** Options for `connect` of `@nats-io/transport-node`. */
export interface NatsLogin {
  readonly servers: ReadonlyArray<string>
  readonly user?: string
  readonly pass?: string
  readonly token?: string
}

/**
 * Splits `nats://user:pass@host:port,…` (or `nats://token@host`) into what the client takes: it ignores a login inside
 * an address, and can even take digits of a password for the port. The first login counts for all servers.
 */
export const natsLogin = (url: string): NatsLogin => {
  const parts = url
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => /^(?:([a-z]+):\/\/)?(?:([^@/]*)@)?(.*)$/i.exec(part))
  const servers = parts.map((part) => (part?.[1] === undefined ? "" : `${part[1]}://`) + (part?.[3] ?? ""))
  const login = parts.find((part) => part?.[2] !== undefined)?.[2]
  if (login === undefined) return { servers }
  const [user, pass] = login.split(":").map(decodeURIComponent)
  return pass === undefined ? { servers, token: user ?? "" } : { servers, user: user ?? "", pass }
}
