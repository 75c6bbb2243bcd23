/** What documents point at is there: commands with their flags, files, pages and headings. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { millrace } from "../../src/app/cli/millrace.ts"
import { operate } from "../../src/app/cli/operate.ts"
import { parserOf } from "../support/parseCommand.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "bench/README.md",
  ...globSync("docs/**/*.md", { cwd: root })
].toSorted()

const read = (document: string) => readFileSync(join(root, document), "utf8")

const isFence = /^```(\w*)[^\n]*\n([^]*?)^```$/gm

/** Inside a table a bar is escaped. Code of programs and hidden comments are not prose. */
const proseOf = (document: string) =>
  read(document)
    .replaceAll(isFence, "")
    .replaceAll(/<!--[^]*?-->/g, "")
    .replaceAll("\\|", "|")

interface Said {
  readonly tool: "pnpm start" | "millrace"
  readonly text: string
  /** To be typed as it is: nothing may be left out. */
  readonly whole: boolean
}

const toolOf = (prefix: string) => (prefix.includes("pnpm") ? "pnpm start" : "millrace")

const typed = (document: string): ReadonlyArray<Said> =>
  [...read(document).matchAll(isFence)]
    .filter(([, language = ""]) => ["console", "sh", ""].includes(language))
    .flatMap(([, , text = ""]) => [
      ...text.matchAll(/^(?:\$ )?((?:npx )?pnpm (?:--silent )?start|npx millrace) ([^\n]*)/gm)
    ])
    .map(([, prefix = "", text = ""]) => ({ tool: toolOf(prefix), text: text.split(/ {2,}|#/)[0] ?? "", whole: true }))

const mentioned = (document: string): ReadonlyArray<Said> =>
  [...proseOf(document).matchAll(/`((?:npx )?pnpm start|(?:npx )?millrace) ([a-z][^`]*)`/g)].map(
    ([, prefix = "", text = ""]) => ({
      tool: toolOf(prefix),
      text,
      whole: false
    })
  )

/** `orders create|pay x` is two. */
const spelledOut = (text: string): ReadonlyArray<string> => {
  const choice = /(?<=^| )[\w-]+(?:\|[\w-]+)+/.exec(text)?.[0]
  return choice === undefined ? [text] : choice.split("|").flatMap((one) => spelledOut(text.replace(choice, one)))
}

const wordsOf = (text: string) =>
  [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, plain]) => double ?? single ?? plain ?? "")

const parsers = { "pnpm start": parserOf(millrace), millrace: parserOf(operate) }

/** A mention need not name everything a command needs: `ValidationError` is what a command says of flags that are missing together. */
const isLeftOut = (tag: string) => ["MissingArgument", "MissingOption", "ValidationError"].includes(tag)

/** `<key>` stands for any word; a number is one for all. */
const filledIn = (text: string) => text.replaceAll(/<[^>]+>/g, "1")

const faultsOf = async ({ text, tool, whole }: Said): Promise<ReadonlyArray<string>> => {
  const found = await Promise.all(
    spelledOut(text).map(async (one) => {
      const tags = await parsers[tool](wordsOf(filledIn(one)))
      return tags.filter((tag) => whole || !isLeftOut(tag)).map((tag) => `${tool} ${one}: ${tag}`)
    })
  )
  return found.flat()
}

describe("commands in documents", () => {
  const said = documents.flatMap((document) => [...typed(document), ...mentioned(document)])

  it("are understood", async () => {
    expect(said.filter(({ whole }) => whole).length).toBeGreaterThan(15)
    expect(said.length).toBeGreaterThan(80)
    const faults = await Promise.all(said.map(faultsOf))
    expect(faults.flat()).toEqual([])
  }, 60_000)

  it("would not be if they were wrong", async () => {
    const wrong = (text: string, whole = false) => faultsOf({ tool: "pnpm start", text, whole })
    expect(await wrong("lag --wtach")).toEqual(["pnpm start lag --wtach: UnrecognizedOption"])
    expect(await wrong("parked list|mend")).toEqual(["pnpm start parked mend: UnknownSubcommand"])
    expect(await wrong("parked show")).toEqual([])
    expect(await wrong("parked show", true)).toEqual(["pnpm start parked show: MissingArgument"])
  })
})

/** As GitHub makes them of headings. */
const anchorsIn = (document: string): ReadonlySet<string> =>
  new Set(
    [
      ...read(document)
        .replaceAll(isFence, "")
        .matchAll(/^#+ (.*)$/gm)
    ].map(([, heading = ""]) =>
      heading
        .replaceAll(/`|\*|\[|\]\([^)]*\)/g, "")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    )
  )

const linksIn = (document: string) =>
  [...proseOf(document).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((one) => !/^[a-z]+:/.test(one))

const isThere = (document: string, link: string) => {
  const [path = "", anchor] = link.split("#")
  const target = path === "" ? document : join(dirname(document), path)
  if (!existsSync(join(root, target))) return false
  return anchor === undefined || !target.endsWith(".md") || anchorsIn(target).has(anchor)
}

describe("links in documents", () => {
  it("lead somewhere", () => {
    const links = documents.flatMap((document) => linksIn(document).map((link) => [document, link] as const))
    expect(links.length).toBeGreaterThan(200)
    expect(links.filter(([document, link]) => !isThere(document, link)).map((link) => link.join(" → "))).toEqual([])
    expect(isThere("README.md", "docs/guide/README.md#nothing-of-that-name")).toBe(false)
  })

  it("reach every page of docs from the README or from a page it reaches", () => {
    const reached = new Set(["README.md"])
    for (const document of reached)
      for (const link of linksIn(document)) {
        const target = join(dirname(document), link.split("#")[0] ?? "")
        if (target.endsWith(".md") && existsSync(join(root, target))) reached.add(target)
      }
    const pages = documents.filter((document) => document.startsWith("docs/") && !document.startsWith("docs/adr/"))
    expect(pages.filter((page) => !reached.has(page))).toEqual([])
  })
})

describe("files that documents name", () => {
  it("exist", () => {
    const named = documents.flatMap((document) =>
      [...read(document).matchAll(/`((?:src|test|docs|examples|deploy|package)\/[A-Za-z0-9_./-]+)`/g)].map(
        ([, path = ""]) => [document, path] as const
      )
    )
    expect(named.length).toBeGreaterThan(100)
    expect(named.filter(([, path]) => !existsSync(join(root, path))).map((one) => one.join(": "))).toEqual([])
  })
})
