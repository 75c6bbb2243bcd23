/** The API reference: a page for each entry point of the package, from its docstrings. */
import { type ApiEntry, type ApiGroup, type ApiName, apiOf, signatureOf } from "./Api.ts"
import type { Modules } from "./Declarations.ts"
import { generated, type Page } from "./Page.ts"

/** Signatures are marked, so that nobody takes them for programs. */
const fence = (code: string) => `\`\`\`ts signature\n${code}\n\`\`\``

/** `millrace/testing/laws` is `docs/reference/api/testing-laws.md`. */
export const fileOf = (entry: string): string =>
  `${entry === "millrace" ? "millrace" : entry.replace("millrace/", "").replaceAll("/", "-")}.md`

export const apiPages = async (modules: Modules): Promise<ReadonlyArray<Page>> => {
  const entries = apiOf(modules)
  return Promise.all(
    entries.map(async (entry) => ({
      path: `docs/reference/api/${fileOf(entry.name)}`,
      text: await pageOf(modules, entry)
    }))
  )
}

const pageOf = async (modules: Modules, entry: ApiEntry) => {
  const groups = await Promise.all(entry.groups.map((group) => groupText(modules, group)))
  const mentioned = await Promise.all(entry.mentioned.map((name) => nameText(modules, name, "###")))
  const also =
    mentioned.length === 0 ? [] : ["## Mentioned above", "Types that cannot be imported by name.", ...mentioned]
  return [`# \`${entry.name}\``, generated, entry.doc, contents(entry), ...groups.flat(), ...also]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n")
}

const contents = ({ groups }: ApiEntry) =>
  groups
    .map(({ names, namespace }) => {
      const links = names.map(({ name }) => `[${name.replace(`${namespace}.`, "")}](#${anchorOf(name)})`).join(" · ")
      return namespace === "" ? `* ${links}` : `* [${namespace}](#${anchorOf(namespace)}): ${links}`
    })
    .join("\n")

/** As GitHub makes them of a heading in code marks. */
const anchorOf = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9_-]/g, "")

const groupText = async (modules: Modules, { doc, names, namespace }: ApiGroup) => {
  const level = namespace === "" ? "##" : "###"
  const texts = await Promise.all(names.map((name) => nameText(modules, name, level)))
  return namespace === "" ? texts : [`## \`${namespace}\``, doc, ...texts]
}

const nameText = async (modules: Modules, name: ApiName, level: string) =>
  [`${level} \`${name.name}\``, name.doc, fence(await signatureOf(modules, name))]
    .filter((part) => part !== "")
    .join("\n\n")
