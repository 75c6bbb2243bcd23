import { Effect, type Scope } from "effect"

const clearLine = "\r\u001b[K"

/** The part of a stream that matters here; `process.stderr` is one. */
export interface LineStream {
  write: NodeJS.WriteStream["write"]
}

type Written = (error?: Error | null) => void

/** What is drawn, and whether somebody else's line is unfinished. */
interface Drawn {
  line: string
  isShown: boolean
  isInLine: boolean
}

const endsLine = (chunk: string | Uint8Array) =>
  typeof chunk === "string" ? chunk.endsWith("\n") : chunk.at(-1) === 0x0a

/** What others write appears above the line, which is drawn again below it. */
const writeAbove = (stream: LineStream, drawn: Drawn, draw: (text: string) => void): NodeJS.WriteStream["write"] => {
  const write = stream.write.bind(stream)
  return (chunk: string | Uint8Array, second?: BufferEncoding | Written, third?: Written) => {
    if (drawn.isShown) draw(clearLine)
    drawn.isShown = false
    const hasRoom = typeof second === "function" ? write(chunk, second) : write(chunk, second, third)
    drawn.isInLine = chunk.length === 0 ? drawn.isInLine : !endsLine(chunk)
    if (drawn.isInLine || drawn.line === "") return hasRoom
    draw(drawn.line)
    drawn.isShown = true
    return hasRoom
  }
}

/**
 * One line at the bottom of a terminal, drawn on the last of these streams and again after whatever anybody writes to any of them: logs come from
 * another thread too, and nobody but the stream sees them all. It is taken away when the scope ends.
 */
export const liveLine = (
  streams: readonly [...ReadonlyArray<LineStream>, LineStream]
): Effect.Effect<(line: string) => Effect.Effect<void>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => install(streams)),
      ({ remove }) => Effect.sync(remove)
    ),
    ({ show }) =>
      (line) =>
        Effect.sync(() => show(line))
  )

const install = (streams: readonly [...ReadonlyArray<LineStream>, LineStream]) => {
  const drawn: Drawn = { line: "", isShown: false, isInLine: false }
  const last = streams.at(-1) ?? streams[0]
  const write = last.write.bind(last)
  const draw = (text: string) => void write(text)
  const before = streams.map((stream) => stream.write)
  for (const stream of streams) stream.write = writeAbove(stream, drawn, draw)
  const remove = () => {
    if (drawn.isShown) draw(clearLine)
    streams.forEach((stream, i) => (stream.write = before[i] ?? stream.write))
    process.off("exit", remove)
  }
  // A second Ctrl-C ends the process without an end of the scope.
  process.on("exit", remove)
  return {
    remove,
    show: (line: string) => {
      drawn.line = line
      if (drawn.isInLine) return
      draw(`${clearLine}${line}`)
      drawn.isShown = true
    }
  }
}
