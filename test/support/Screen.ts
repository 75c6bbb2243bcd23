const escape = String.fromCharCode(0x1b)

/** A control sequence, a control character, or text. */
const parts = new RegExp(`${escape}\\[[\\d;?]*[A-Za-z]|\\r|\\n|[^${escape}\\r\\n]+`, "g")

/** What a terminal of unlimited height shows after all of this: carriage return, newline, and the clearing of a line. */
export const screenOf = (written: string): ReadonlyArray<string> => {
  const rows: Array<string> = [""]
  let column = 0
  const put = (text: string) => {
    const row = rows.at(-1) ?? ""
    rows[rows.length - 1] = row.slice(0, column).padEnd(column) + text + row.slice(column + text.length)
    column += text.length
  }
  for (const [part] of written.matchAll(parts)) {
    if (part === "\r") column = 0
    else if (part === "\n") rows.push(" ".repeat(column))
    else if (part === "\u001b[K") rows[rows.length - 1] = (rows.at(-1) ?? "").slice(0, column)
    else if (!part.startsWith("\u001b")) put(part)
  }
  return rows.map((row) => row.trimEnd())
}
