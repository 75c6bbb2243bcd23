/**
 * The programs in documents: every fenced `ts` block. What only the reader may skip stands in a comment of HTML before it:
 *
 *     <!-- before
 *     import { Schema } from "effect"
 *     -->                                    code that goes before the block
 *     <!-- after
 *     })
 *     -->                                    code that goes behind it
 *     <!-- snippet: goes on -->              begins with the block before it
 *     <!-- snippet: only compiled, as … -->  is not run, and why
 *
 * A block `text` directly behind one is what it prints. A first line such as `// accounts.ts: …` is the name by which the
 * document's other programs import it.
 */
export interface Snippet {
  readonly document: string
  /** Of its fence, from 1. */
  readonly line: number
  readonly name: string
  readonly code: string
  /** What it prints; undefined: that is not said. */
  readonly prints: string | undefined
  /** Why it is not run; undefined: it is. */
  readonly onlyCompiled: string | undefined
}

interface Block {
  readonly language: string
  readonly line: number
  readonly text: string
  /** Between the block before it and this one. */
  readonly between: string
}

/** The programs of a document, in their order. */
export const snippetsIn = (document: string, text: string): ReadonlyArray<Snippet> => {
  const blocks = blocksIn(text)
  const snippets: Array<Snippet> = []
  for (const [i, block] of blocks.entries()) {
    if (!["ts", "typescript"].includes(block.language)) continue
    const behind =
      blocks[i + 1]?.language === "text" && blocks[i + 1]?.between.trim() === "" ? blocks[i + 1] : undefined
    const earlier = /<!-- snippet: goes on/.test(block.between) ? `${snippets.at(-1)?.code ?? ""}\n` : ""
    const code = [commented("before", block.between), block.text, commented("after", block.between)]
    snippets.push({
      document,
      line: block.line,
      name: /^\/\/ (\w+)\.ts:/.exec(block.text)?.[1] ?? `line${block.line}`,
      code: `${earlier}${code.filter((part) => part !== "").join("\n")}\n`,
      prints: behind?.text,
      onlyCompiled: /<!-- snippet: only compiled, ([^>]+?) -->/.exec(block.between)?.[1]
    })
  }
  return snippets
}

const commented = (which: "before" | "after", text: string) =>
  new RegExp(`<!-- ${which}\n([^]*?)\n-->`).exec(text)?.[1] ?? ""

const blocksIn = (text: string): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  let end = 0
  for (const match of text.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)) {
    const [whole, language = "", inner = ""] = match
    const line = text.slice(0, match.index).split("\n").length
    blocks.push({ language, line, text: inner.trimEnd(), between: text.slice(end, match.index) })
    end = match.index + whole.length
  }
  return blocks
}
