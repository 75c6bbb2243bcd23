/** The other ends of mail and push: real servers that take, and ones that accept and never answer. */
import { createServer as createHttpServer, type IncomingHttpHeaders } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net"
import { Effect, type Scope } from "effect"
import { SMTPServer } from "smtp-server"

/** A mail as it came over the wire. */
export interface ReceivedMail {
  readonly from: string
  readonly to: ReadonlyArray<string>
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

/** A push as it came over the wire. */
export interface ReceivedPush {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

const portOf = (server: Pick<Server, "address">): number => {
  const address: AddressInfo | string | null = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const listening = <S extends Pick<Server, "address">>(open: (done: () => void) => S): Effect.Effect<S> =>
  Effect.callback((resume) => {
    const server: S = open(() => resume(Effect.sync(() => server)))
  })

const headersOf = (message: string): ReadonlyMap<string, string> =>
  new Map(
    (message.split("\r\n\r\n")[0] ?? "")
      .replaceAll(/\r\n[ \t]+/g, " ")
      .split("\r\n")
      .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()])
  )

/** A mail server that takes everything. `url` is what SMTP_URL is set to. */
export const mailReceiver: Effect.Effect<
  { readonly url: string; readonly mails: ReadonlyArray<ReceivedMail> },
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const mails: Array<ReceivedMail> = []
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    onData: (stream, session, done) => {
      let text = ""
      stream.setEncoding("utf8")
      stream.on("data", (part: string) => (text += part))
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope
        const from = mailFrom === false ? "" : mailFrom.address
        mails.push({ from, to: rcptTo.map(({ address }) => address), headers: headersOf(text), text })
        done()
      })
    }
  })
  smtp.on("error", () => undefined)
  const server = yield* Effect.acquireRelease(
    listening((done) => smtp.listen(0, "127.0.0.1", done)),
    () => Effect.callback<void>((resume) => smtp.close(() => resume(Effect.void)))
  )
  return { url: `smtp://127.0.0.1:${portOf(server)}`, mails }
})

/** A webhook that takes everything, unless it is told otherwise. `url` is what PUSH_WEBHOOK_URL is set to. */
export interface PushReceiver {
  readonly url: string
  /** What was taken. */
  readonly pushes: ReadonlyArray<ReceivedPush>
  /** What was refused. */
  readonly refused: ReadonlyArray<ReceivedPush>
  /** The status each push is answered with from now on; undefined: it is taken. */
  readonly refuse: (statusOf: (body: unknown) => number | undefined) => void
}

/** Takes pushes until the scope ends. */
export const pushReceiver: Effect.Effect<PushReceiver, never, Scope.Scope> = Effect.gen(function* () {
  const pushes: Array<ReceivedPush> = []
  const refused: Array<ReceivedPush> = []
  let statusOf: (body: unknown) => number | undefined = () => undefined
  const http = createHttpServer((request, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (part: string) => (text += part))
    request.on("end", () => {
      const push = { method: request.method ?? "", headers: request.headers, body: JSON.parse(text) }
      const status = statusOf(push.body)
      ;(status === undefined ? pushes : refused).push(push)
      response.writeHead(status ?? 204).end()
    })
  })
  const server = yield* Effect.acquireRelease(
    listening((done) => http.listen(0, "127.0.0.1", done)),
    () =>
      Effect.callback<void>((resume) => {
        http.close(() => resume(Effect.void))
        http.closeAllConnections()
      })
  )
  return {
    url: `http://127.0.0.1:${portOf(server)}/push`,
    pushes,
    refused,
    refuse: (next) => {
      statusOf = next
    }
  }
})

/** Accepts connections, reads, and never says a word. */
export const silentReceiver: Effect.Effect<
  { readonly port: number; readonly connections: () => number },
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const sockets = new Set<Socket>()
  let connections = 0
  const tcp = createTcpServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on("error", () => undefined).resume()
    socket.on("close", () => sockets.delete(socket))
  })
  const server = yield* Effect.acquireRelease(
    listening((done) => tcp.listen(0, "127.0.0.1", done)),
    () =>
      Effect.callback<void>((resume) => {
        tcp.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
  return { port: portOf(server), connections: () => connections }
})
