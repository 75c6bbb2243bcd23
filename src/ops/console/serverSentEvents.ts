/** Gives the data of each event of an event stream (as the HTML standard frames them), until it ends. */
export const dataOf = async (body: ReadableStream<Uint8Array>, take: (data: string) => void): Promise<void> => {
  const reader = body.pipeThrough(textDecoder()).getReader()
  const pending = { text: "" }
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    pending.text = cut(pending.text + value, take)
  }
}

// The two are the same, but the types of the platform do not say so.
const textDecoder = (): ReadableWritablePair<string, Uint8Array> => {
  const decoder = new TextDecoder()
  return new TransformStream<Uint8Array, string>({
    transform: (chunk, controller) => controller.enqueue(decoder.decode(chunk, { stream: true }))
  })
}

/** Takes the whole events out of the text, and gives back what has only begun. */
const cut = (text: string, take: (data: string) => void): string => {
  const events = text.replaceAll("\r\n", "\n").split("\n\n")
  const begun = events.pop() ?? ""
  for (const event of events) {
    const data = event
      .split("\n")
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).replace(/^ /, ""))
      .join("\n")
    if (data !== "") take(data)
  }
  return begun
}
