import { Config } from "effect"
import { Flag } from "effect/cli"

/** Where a running pipeline is found when nothing else is said. */
export const urlDefault = "http://127.0.0.1:8080"

/** `--url` before `MILLRACE_URL` before the default. */
export const urlFlag = Flag.String("url").pipe(
  Flag.withDescription(`Address of the running pipeline (MILLRACE_URL, else ${urlDefault})`),
  Flag.withFallbackConfig(Config.String("MILLRACE_URL")),
  Flag.withDefault(urlDefault)
)
