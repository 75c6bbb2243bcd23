/** What a machine's own apt sources say about its archive: both formats, as pure functions. See sources.list(5). */

/** One stanza. `signedBy` is a path of a keyring, or a key block with its lines, as it stands in the file. */
export interface AptSource {
  readonly uris: ReadonlyArray<string>
  readonly suites: ReadonlyArray<string>
  readonly components: ReadonlyArray<string>
  readonly signedBy: string | undefined
}

/** Reads `*.sources` files (deb822): stanzas of fields; continuation lines begin with a space. */
export const parseDeb822 = (text: string): ReadonlyArray<AptSource> =>
  withoutComments(text)
    .split(/\n\s*\n/)
    .map(fieldsOf)
    .filter((fields) => fields.get("enabled")?.toLowerCase() !== "no" && words(fields.get("types")).includes("deb"))
    .map((fields) => ({
      uris: words(fields.get("uris")),
      suites: words(fields.get("suites")),
      components: words(fields.get("components")),
      signedBy: fields.get("signed-by")
    }))

/** Reads `*.list` files: `deb [option=value …] uri suite component…`, one source per line. */
export const parseOneLine = (text: string): ReadonlyArray<AptSource> =>
  text
    .split("\n")
    .map((line) => /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line))
    .flatMap((found) => (found === null ? [] : [found]))
    .map(([, options, uri, suite, components]) => ({
      uris: words(uri),
      suites: words(suite),
      components: words(components),
      signedBy: /(?:^|\s)signed-by=(\S+)/i.exec(options ?? "")?.[1]
    }))

/**
 * The stanzas of the distribution itself, with the suite replaced: those that carry `release` (or an alias such as
 * `stable`) and the component `main`, and are neither security, nor updates, nor a flat repository. The ones whose
 * address looks like Debian's archive come first, since others may use its release names too.
 */
export const archiveOf = (
  sources: ReadonlyArray<AptSource>,
  release: string,
  suite: string
): ReadonlyArray<AptSource> =>
  sources
    .filter(({ suites, components }) => suites.some((name) => isRelease(name, release)) && components.includes("main"))
    .map((source) => ({
      ...source,
      uris: source.uris.filter((uri) => !/^cdrom:|-security\/?$/.test(uri)),
      suites: [suite],
      components: ["main"]
    }))
    .filter((source) => source.uris.length > 0)
    .toSorted((a, b) => Number(looksOfficial(b)) - Number(looksOfficial(a)))

/** One stanza in deb822. Options such as `Trusted` are left out on purpose: apt checks the signatures. */
export const printDeb822 = (source: AptSource): string =>
  [
    "Types: deb",
    `URIs: ${source.uris.join(" ")}`,
    `Suites: ${source.suites.join(" ")}`,
    `Components: ${source.components.join(" ")}`,
    ...(source.signedBy === undefined ? [] : [`Signed-By: ${source.signedBy}`]),
    ""
  ].join("\n")

const aliases = ["stable", "oldstable", "testing", "unstable", "sid"]

const isRelease = (suite: string, release: string): boolean => suite === release || aliases.includes(suite)

const looksOfficial = (source: AptSource): boolean => source.uris.some((uri) => /\/debian\/?$|^mirror/.test(uri))

const withoutComments = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")

const fieldsOf = (stanza: string): ReadonlyMap<string, string> =>
  new Map(
    stanza
      .split(/\n(?=\S)/)
      .map((field) => /^([A-Za-z-]+):[ \t]*([\s\S]*?)\s*$/.exec(field))
      .flatMap((found) => (found === null ? [] : [[(found[1] ?? "").toLowerCase(), found[2] ?? ""]]))
  )

const words = (text: string | undefined): ReadonlyArray<string> =>
  (text ?? "").split(/\s+/).filter((word) => word !== "")
