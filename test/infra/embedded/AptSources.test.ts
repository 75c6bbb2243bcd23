import { assert, describe, it } from "@effect/vitest"
import { archiveOf, parseDeb822, parseOneLine, printDeb822 } from "../../../src/infra/embedded/AptSources.ts"

const debian = {
  uris: ["http://mirror.example/debian"],
  suites: ["bookworm", "bookworm-updates"],
  components: ["main", "contrib"],
  signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg"
}

describe("deb822", () => {
  it("reads stanzas, comments inside them, and fields in any case", () => {
    const text = `# the archive
types: deb deb-src
# a snapshot
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg


Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`
    const [first, second, ...rest] = parseDeb822(text)
    assert.deepStrictEqual(first, debian)
    assert.deepStrictEqual(second?.suites, ["bookworm-security"])
    assert.lengthOf(rest, 0)
  })

  it("leaves out what is disabled or has only sources", () => {
    const stanza = (more: string) => `URIs: http://m/debian\nSuites: bookworm\nComponents: main\n${more}\n\n`
    assert.lengthOf(parseDeb822(stanza("Types: deb\nEnabled: no") + stanza("Types: deb-src")), 0)
  })

  it("keeps a key that stands in the file, and prints it again", () => {
    const key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----"
    const text = `Types: deb\nURIs: http://m/debian\nSuites: trixie\nComponents: main\nSigned-By:${key}\n`
    const sources = parseDeb822(text)
    assert.include(sources[0]?.signedBy, "\n .\n abc\n")
    assert.deepStrictEqual(parseDeb822(sources.map(printDeb822).join("\n")), sources)
  })
})

describe("one line per source", () => {
  it("reads options, comments and several components", () => {
    const text = `
# deb http://commented.example/debian bookworm main
deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://mirror.example/debian bookworm main contrib # mine
deb-src http://mirror.example/debian bookworm main
deb http://plain.example/debian/ bookworm main
`
    const [first, second, ...rest] = parseOneLine(text)
    assert.deepStrictEqual(first, { ...debian, suites: ["bookworm"] })
    assert.deepStrictEqual(second?.uris, ["http://plain.example/debian/"])
    assert.isUndefined(second?.signedBy)
    assert.lengthOf(rest, 0)
  })
})

describe("the archive of the distribution", () => {
  const source = (uri: string, suite: string, component = "main") => ({
    uris: [uri],
    suites: [suite],
    components: [component],
    signedBy: undefined
  })

  it("is the stanza of the release, with the suite replaced", () => {
    assert.deepStrictEqual(archiveOf([debian], "bookworm", "sid"), [
      { ...debian, suites: ["sid"], components: ["main"] }
    ])
  })

  it("skips security, updates, flat and foreign repositories", () => {
    const others = [
      source("http://m/debian-security", "bookworm-security"),
      source("http://m/debian", "bookworm-updates"),
      source("http://tool.example/apt", "./"),
      source("http://docker.example/linux/debian", "bookworm", "stable"),
      source("cdrom:[Debian 12]/", "bookworm")
    ]
    assert.deepStrictEqual(archiveOf(others, "bookworm", "sid"), [])
  })

  it("asks Debian's own first, when others use the name of the release too", () => {
    const found = archiveOf([source("http://tool.example/apt", "bookworm"), debian], "bookworm", "sid")
    assert.deepStrictEqual(
      found.map(({ uris }) => uris[0]),
      ["http://mirror.example/debian", "http://tool.example/apt"]
    )
  })
})
