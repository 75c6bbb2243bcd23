import { Schema } from "effect"

/** Another live process uses this directory, and two servers must never share one. Nothing was touched. */
export class DataDirBusy extends Schema.TaggedError<DataDirBusy>()("DataDirBusy", {
  directory: Schema.String,
  pid: Schema.Int
}) {
  override get message() {
    const remedy = "stop it, use another --data-dir, or set DATABASE_URL and NATS_URL to share running servers"
    return `${this.directory} is in use by process ${this.pid}; ${remedy}`
  }
}

/** No source had a nats-server that is new enough and runs here. `attempts` says in one line each what was tried. */
export class NatsServerMissing extends Schema.TaggedError<NatsServerMissing>()("NatsServerMissing", {
  minimumVersion: Schema.String,
  attempts: Schema.Array(Schema.String)
}) {
  override get message() {
    const tried = this.attempts.map((attempt) => `\n  - ${attempt}`).join("")
    const remedies =
      `install nats-server >= ${this.minimumVersion} so that it is on PATH, set NATS_SERVER_BIN to its path, ` +
      "set NATS_URL to a running one, run `docker compose up`, or start with --memory, which needs no server"
    return `no nats-server >= ${this.minimumVersion} was found:${tried}\n${remedies}`
  }
}

/** The embedded servers cannot do this step here. `remedy` is what a person can do about it; repeating alone will not help. */
export class EmbeddedFailed extends Schema.TaggedError<EmbeddedFailed>()("EmbeddedFailed", {
  doing: Schema.String,
  why: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.doing}: ${this.why}; ${this.remedy}`
  }
}

/**
 * Whatever keeps `EmbeddedServers` from starting: another process has the folder, no nats-server was found, or a step failed. Each says what to do.
 */
export type EmbeddedError = DataDirBusy | NatsServerMissing | EmbeddedFailed
