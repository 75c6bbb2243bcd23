/** A TCP proxy in front of a server, to cut the connection of one process only. */
import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"
import { freePort } from "./TestServers.ts"

/** How what passes is treated. `held`: connected, and no byte moves; `cut`: refused, and what is open is closed. */
type Mode = "open" | "held" | "cut"

/** A way to a port of this machine that can be closed. It ends with the scope. */
export const startProxy = Effect.fnUntraced(function* (target: number) {
  const state: { mode: Mode } = { mode: "open" }
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
  }
  const forward = (from: Socket, to: Socket) => {
    from.on("data", (bytes: Buffer) => {
      if (state.mode === "open") to.write(bytes)
    })
    from.on("close", () => to.destroy())
  }
  const port = yield* freePort
  const server = createServer((client) => {
    keep(client)
    if (state.mode === "cut") return void client.destroy()
    const upstream = connect(target, "127.0.0.1")
    keep(upstream)
    forward(client, upstream)
    forward(upstream, client)
  })
  const closeAll = () => sockets.forEach((socket) => socket.destroy())
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        closeAll()
        server.close()
      })
  )
  const become = (mode: Mode) =>
    Effect.sync(() => {
      // What was held is not complete any more: it is closed before anything moves again.
      if (mode !== "held") closeAll()
      state.mode = mode
    })
  return { port, become }
})
