/** What is published: the library without the order application, so with other dependencies than this repository has. */
import { readFileSync } from "node:fs"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly dependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
}

export const root = new URL("..", import.meta.url)

const own: Manifest = JSON.parse(readFileSync(new URL("package.json", root), "utf8"))

/** Every entry point, by what it is called. Nothing else of the package can be imported. */
export const entries = {
  ".": "pipeline/index",
  "./memory": "infra/memory/MemoryPipeline",
  "./nats": "infra/nats/NatsPipeline",
  "./postgres": "infra/postgres/PgPipeline",
  "./ops": "ops/index",
  "./testing": "testing/index",
  "./testing/laws": "testing/laws/AdapterLaws",
  "./embedded": "infra/embedded/index"
} as const

/** A driver that fits: what we test with, or a newer one that promises the same. */
const drivers = Object.fromEntries(
  [
    ...Object.entries(own.dependencies).filter(([name]) => name.startsWith("@effect/") || name.startsWith("@nats-io/")),
    ...Object.entries(own.optionalDependencies)
  ].map(([name, version]) => [name, `^${version}`])
)

/** The oldest Node that Effect's platform runs on, and so do we: the README's program is run on it. */
export const nodeMin = "22.19.0"

export const manifest = {
  name: own.name,
  version: own.version,
  description: own.description,
  license: own.license,
  keywords: ["effect", "outbox", "event-driven", "postgres", "nats", "jetstream", "ordered", "exactly-once"],
  type: "module",
  sideEffects: false,
  engines: { node: `>=${nodeMin}` },
  files: ["lib", "src", "README.md", "CHANGELOG.md", "LICENSE"],
  bin: { millrace: "lib/app/millrace.js" },
  exports: {
    ...Object.fromEntries(
      Object.entries(entries).map(([name, file]) => [
        name,
        { types: `./lib/${file}.d.ts`, default: `./lib/${file}.js` }
      ])
    ),
    "./package.json": "./package.json",
    "./internal/*": null
  },
  peerDependencies: { effect: "~4.1.0", ...drivers },
  peerDependenciesMeta: Object.fromEntries(Object.keys(drivers).map((name) => [name, { optional: true }]))
}
