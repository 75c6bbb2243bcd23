/** A real Postgres and a real nats-server that start and stop with the process: for laptops and tests. */
export { EmbeddedServers, type EmbeddedOptions } from "./EmbeddedServers.ts"
export { tempServers } from "./TempServers.ts"
