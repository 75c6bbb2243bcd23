import { createServer } from "node:net"
import { Effect, Random } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"

/** True when nobody listens on this TCP port of 127.0.0.1 at this moment. */
export const isPortFree = (port: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      server.close(() => resume(Effect.succeed(true)))
    })
    return Effect.sync(() => server.close())
  })

/** `preferred` if it is free, else some free port. Somebody may take it before it is used: choose again then. */
export const choosePort = (preferred: number | undefined): Effect.Effect<number, EmbeddedFailed> =>
  Effect.gen(function* () {
    if (preferred !== undefined && (yield* isPortFree(preferred))) return preferred
    for (let attempts = 0; attempts < attemptsMax; attempts++) {
      const port = yield* Random.nextIntBetween(portMin, portMax)
      if (yield* isPortFree(port)) return port
    }
    return yield* new EmbeddedFailed({
      doing: "choosing a port on 127.0.0.1",
      why: `${attemptsMax} ports between ${portMin} and ${portMax} are all taken`,
      remedy: "check that 127.0.0.1 can be listened on"
    })
  })

const attemptsMax = 50

// Below the ports that systems give to outgoing connections (Linux 32768, macOS 49152). In that range a client that
// reconnects to a stopped server can be given the server's own port, connect to itself, and so keep the server out.
const portMin = 20_000
const portMax = 32_000
