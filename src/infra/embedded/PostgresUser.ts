/** Postgres refuses to run as root: who runs it then, and where that user can reach its data. */
import { createHash, randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import { join, resolve } from "node:path"
import { Effect } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { attempt, exists, makeDirectory } from "./HostFiles.ts"
import { type RunAs, runCommand } from "./HostCommand.ts"

/** Where things are kept that root owns and an unprivileged user has to reach. */
export const systemDirectory = "/var/lib/millrace"

/** Nobody in particular unless we are root; then the owner of existing data, `postgres`, or `nobody`. */
export const postgresUser = Effect.fnUntraced(function* (home: string) {
  const owner = yield* Effect.promise(() => fs.stat(home).catch(() => undefined))
  const self = process.geteuid?.() ?? 0
  if (self === 0) return owner !== undefined && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : yield* anyUser
  if (owner === undefined || owner.uid === self) return undefined
  return yield* new EmbeddedFailed({
    doing: `opening ${home}`,
    why: `it belongs to user ${owner.uid}, this process runs as user ${self}`,
    remedy: `run as that user (or as root), \`sudo chown -R ${self} ${home}\`, or use another --data-dir`
  })
})

/**
 * The directory of Postgres, made and owned by `user`: `<dataDir>/postgres`, or a directory under `/var/lib/millrace`
 * that `<dataDir>/postgres` links to when that user cannot enter `dataDir` (a project under `/root`, say).
 */
export const postgresHome = Effect.fnUntraced(function* (dataDir: string, user: RunAs | undefined) {
  const home = join(dataDir, "postgres")
  const link = yield* Effect.promise(() => fs.readlink(home).catch(() => undefined))
  const place = link === undefined ? home : resolve(dataDir, link)
  yield* makeDirectory(place, 0o700)
  if (user === undefined) return yield* real(place)
  yield* giveTo(user, place)
  return (yield* canWrite(user, place)) ? yield* real(place) : yield* moveOut(dataDir, home, user)
})

const moveOut = Effect.fnUntraced(function* (dataDir: string, home: string, user: RunAs) {
  if (yield* exists(join(home, "data"))) {
    return yield* new EmbeddedFailed({
      doing: `opening ${home}`,
      why: `user ${user.uid}, who owns the data, cannot enter the directories above it`,
      remedy: `make them enterable (chmod o+x), move ${home} elsewhere, or use another --data-dir`
    })
  }
  const place = join(systemDirectory, placeOf(dataDir))
  yield* makeDirectory(systemDirectory)
  yield* makeDirectory(place, 0o700)
  yield* giveTo(user, place)
  yield* attempt(`linking ${home} to ${place}`, async () => {
    await fs.rmdir(home)
    await fs.symlink(place, home)
  })
  return yield* real(home)
})

/** The same data directory made anew is another one: its old data must not come back. */
const placeOf = (dataDir: string): string =>
  `${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}-${randomBytes(4).toString("hex")}`

const real = (path: string) => attempt(`opening ${path}`, () => fs.realpath(path))

const giveTo = (user: RunAs, path: string): Effect.Effect<void, EmbeddedFailed> =>
  attempt(`giving ${path} to user ${user.uid}`, () => fs.chown(path, user.uid, user.gid))

/** Asked by doing it: modes, access lists, mounts and containers all have a say. */
const canWrite = (user: RunAs, directory: string): Effect.Effect<boolean> =>
  runCommand({
    file: "/bin/sh",
    args: ["-c", 'cd "$1" && : > .probe && rm .probe', "probe", directory],
    runAs: user,
    timeoutMillis: 5000
  }).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )

const anyUser: Effect.Effect<RunAs, EmbeddedFailed> = Effect.firstSuccessOf(
  ["postgres", "_postgres", "nobody"].map((name) => userNamed(name))
).pipe(
  Effect.mapError(
    () =>
      new EmbeddedFailed({
        doing: "choosing a user for Postgres, which refuses to run as root",
        why: "this system knows neither `postgres` nor `nobody`",
        remedy: "run as an ordinary user, or set DATABASE_URL"
      })
  )
)

function userNamed(name: string): Effect.Effect<RunAs, EmbeddedFailed> {
  const id = (flag: string) =>
    runCommand({ file: "id", args: [flag, name], timeoutMillis: 5000 }).pipe(
      Effect.map((output) => Number(output.stdout.trim()))
    )
  return Effect.all({ uid: id("-u"), gid: id("-g") })
}
