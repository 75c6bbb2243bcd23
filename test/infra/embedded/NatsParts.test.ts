import { assert, describe, it } from "@effect/vitest"
import { printNatsConfig } from "../../../src/infra/embedded/NatsConfig.ts"
import { checksumOf } from "../../../src/infra/embedded/NatsRelease.ts"
import { natsLogin } from "../../../src/infra/nats/NatsLogin.ts"
import { compareVersions, parseVersion } from "../../../src/infra/embedded/ServerVersion.ts"

describe("versions", () => {
  it("reads what nats-server prints", () => {
    assert.deepStrictEqual(parseVersion("nats-server: v2.15.1\n"), [2, 15, 1])
    assert.deepStrictEqual(parseVersion("nats-server: v2.14.0-RC.2"), [2, 14, 0])
    assert.isUndefined(parseVersion("command not found"))
  })

  it("compares numbers, not text", () => {
    assert.isBelow(compareVersions([2, 9, 10], [2, 14, 0]), 0)
    assert.isAbove(compareVersions([2, 15, 0], [2, 14, 9]), 0)
    assert.strictEqual(compareVersions([2, 14, 0], [2, 14, 0]), 0)
  })
})

describe("checksums", () => {
  const sum = "a".repeat(64)

  it("finds the line of the file, in text and binary form", () => {
    assert.strictEqual(checksumOf(`${"b".repeat(64)}  other.zip\n${sum}  one.tar.gz\n`, "one.tar.gz"), sum)
    assert.strictEqual(checksumOf(`${sum} *one.tar.gz`, "one.tar.gz"), sum)
  })

  it("takes nothing else for it", () => {
    assert.isUndefined(checksumOf(`${sum}  one.tar.gz.sig\nabc  one.tar.gz`, "one.tar.gz"))
  })
})

describe("addresses", () => {
  it("splits off the login, which the client would ignore", () => {
    assert.deepStrictEqual(natsLogin("nats://me:12%40three@127.0.0.1:4222"), {
      servers: ["nats://127.0.0.1:4222"],
      user: "me",
      pass: "12@three"
    })
  })

  it("knows tokens, lists, and servers without a login", () => {
    assert.deepStrictEqual(natsLogin("nats://secret@a:1, b:2"), { servers: ["nats://a:1", "b:2"], token: "secret" })
    assert.deepStrictEqual(natsLogin("localhost"), { servers: ["localhost"] })
  })
})

describe("configuration", () => {
  const settings = { port: 4222, password: "p", storeDir: '/a "b"', fileStoreBytesMax: 5, payloadBytesMax: 6 }

  it("quotes what comes from outside and syncs only on demand", () => {
    const text = printNatsConfig({ ...settings, syncAlways: false })
    assert.include(text, 'listen: "127.0.0.1:4222"')
    assert.include(text, 'store_dir: "/a \\"b\\""')
    assert.notInclude(text, "sync_interval")
    assert.include(printNatsConfig({ ...settings, syncAlways: true }), "sync_interval: always")
  })
})
