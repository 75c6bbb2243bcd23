import { Logger } from "effect"

/** Logs are talk, so they go to stderr like all of it. */
export const logger = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])
