/** The configuration file of an embedded nats-server, as text. */
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"

/** What is different between embedded nats-servers. Sizes in bytes. */
export interface NatsSettings {
  readonly port: number
  readonly password: string
  readonly storeDir: string
  readonly fileStoreBytesMax: number
  readonly payloadBytesMax: number
  readonly syncAlways: boolean
}

/** The only user. */
export const natsUser = "millrace"

/** The format takes JSON's strings and numbers. */
export const printNatsConfig = (settings: NatsSettings): string =>
  [
    `server_name: "millrace-embedded"`,
    `listen: "127.0.0.1:${settings.port}"`,
    `max_payload: ${settings.payloadBytesMax}`,
    `authorization { user: "${natsUser}", password: ${JSON.stringify(settings.password)} }`,
    "jetstream {",
    `  store_dir: ${JSON.stringify(settings.storeDir)}`,
    `  max_file_store: ${settings.fileStoreBytesMax}`,
    ...(settings.syncAlways ? ["  sync_interval: always"] : []),
    "}",
    ""
  ].join("\n")

/** The port in such a file. */
export const portIn = (config: string): number => Number(/^listen: "127\.0\.0\.1:(\d+)"$/m.exec(config)?.[1])

const gigabyte = 1024 ** 3
const fileStoreBytesCap = 20 * gigabyte

/** What is stored already plus 80 % of the free disk, 20 GB at most: a full disk would stop Postgres too. */
export const fileStoreLimit = (storeDir: string): Effect.Effect<number> =>
  Effect.tryPromise(async () => {
    const disk = await fs.statfs(storeDir)
    return Math.min(fileStoreBytesCap, Math.floor((await bytesIn(storeDir)) + disk.bavail * disk.bsize * 0.8))
  }).pipe(Effect.orElseSucceed(() => gigabyte))

const bytesIn = async (directory: string): Promise<number> => {
  const files = await fs.readdir(directory, { recursive: true, withFileTypes: true })
  const sizes = files.filter((file) => file.isFile()).map((file) => fs.stat(join(file.parentPath, file.name)))
  return (await Promise.all(sizes)).reduce((sum, stat) => sum + stat.size, 0)
}
