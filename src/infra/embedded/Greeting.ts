/** Is a server ready? Asked with the first packet of its own protocol, since a port alone may be open too early. */
import { connect } from "node:net"
import { Effect, Option } from "effect"

/** True when what listens on this port of 127.0.0.1 greets like a nats-server (`INFO …`). */
export const natsAnswers = (port: number): Effect.Effect<boolean> =>
  firstBytes(port, undefined).pipe(Effect.map((bytes) => bytes.toString("latin1", 0, 4) === "INFO"))

/** True when Postgres asks this user to authenticate; while it starts, recovers or stops it answers with an error instead. */
export const postgresAnswers = (port: number, user: string, database: string): Effect.Effect<boolean> =>
  firstBytes(port, startupMessage(user, database)).pipe(Effect.map((bytes) => bytes.toString("latin1", 0, 1) === "R"))

/** https://www.postgresql.org/docs/18/protocol-message-formats.html, StartupMessage of protocol 3.0. */
const startupMessage = (user: string, database: string): Buffer => {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + parameters.length, 0)
  head.writeInt32BE(0x0003_0000, 4)
  return Buffer.concat([head, parameters])
}

const firstBytes = (port: number, send: Buffer | undefined): Effect.Effect<Buffer> =>
  Effect.callback<Buffer>((resume) => {
    const socket = connect({ host: "127.0.0.1", port })
    socket.once("connect", () => {
      if (send !== undefined) socket.write(send)
    })
    socket.once("data", (bytes) => {
      // An open connection without a login would hold up the server's shutdown.
      socket.destroy()
      resume(Effect.succeed(bytes))
    })
    socket.once("error", () => resume(Effect.succeed(nothing)))
    socket.once("close", () => resume(Effect.succeed(nothing)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOption("2 seconds"), Effect.map(Option.getOrElse(() => nothing)))

const nothing = Buffer.alloc(0)
