/** A TCP proxy in front of a server, to cut the connection of one process only. */
import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"
import { freePort } from "./TestServers.ts"

/** How what passes is treated. `held`: connected, and no byte moves; `cut`: refused, and what is open is closed. */
type Mode = "open" | "held" | "cut"

interface Stall {
  readonly text: string
  stalled: boolean
  readonly rest: Array<() => void>
}

/** A way to a port of this machine that can be closed. It ends with the scope. */
export const startProxy = Effect.fnUntraced(function* (target: number) {
  const state: { mode: Mode } = { mode: "open" }
  const sockets = new Set<Socket>()
  let stall: Stall | undefined
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
  }
  const forward = (from: Socket, to: Socket, isStalling: (bytes: Buffer) => boolean) => {
    from.on("data", (bytes: Buffer) => {
      if (state.mode !== "open") return
      if (stall !== undefined && stall.stalled) return void stall.rest.push(() => to.write(bytes))
      if (stall === undefined || !isStalling(bytes)) return void to.write(bytes)
      const half = bytes.length >> 1
      to.write(bytes.subarray(0, half))
      stall.stalled = true
      stall.rest.push(() => to.write(bytes.subarray(half)))
    })
    from.on("close", () => to.destroy())
  }
  const port = yield* freePort
  const server = createServer((client) => {
    keep(client)
    if (state.mode === "cut") return void client.destroy()
    const upstream = connect(target, "127.0.0.1")
    keep(upstream)
    forward(client, upstream, (bytes) => stall !== undefined && bytes.includes(stall.text))
    forward(upstream, client, () => false)
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
  /** The next bytes to the server with this text in them stop half-way, and all that follow are kept. */
  const stallAt = (text: string) => Effect.sync(() => void (stall = { text, stalled: false, rest: [] }))
  const isStalled = () => stall?.stalled === true
  /** What was kept goes on, as late as it is. */
  const goOn = Effect.sync(() => {
    for (const write of stall?.rest ?? []) write()
    stall = undefined
  })
  return { port, become, stallAt, isStalled, goOn }
})
