/** Versions as numbers: major, minor, patch. */
export type ServerVersion = readonly [major: number, minor: number, patch: number]

/** Reads `nats-server: v2.15.1` and the like: the first three numbers with dots between. A pre-release counts as its release. */
export const parseVersion = (text: string): ServerVersion | undefined => {
  const found = /(\d+)\.(\d+)\.(\d+)/.exec(text)
  return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3])]
}

/** Negative when `a` is older than `b`, 0 when they are equal. */
export const compareVersions = (a: ServerVersion, b: ServerVersion): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]

/** `2.15.1` */
export const printVersion = (version: ServerVersion): string => version.join(".")
