import { NodeHttpClient } from "@effect/platform-node"
import { Layer, Option } from "effect"
import type { AppConfigValues } from "../AppConfig.ts"
import * as Mailer from "./Mailer.ts"
import { OutgoingLog } from "./OutgoingLog.ts"
import * as Push from "./Push.ts"

/** Mail and push where they are configured to go; otherwise to the log. */
export const effectsLayer = (config: AppConfigValues) => {
  const mailer = Option.match(config.smtpUrl, {
    onNone: () => Mailer.layerLog,
    onSome: (url) => Mailer.layerSmtp(url, config.mailFrom)
  })
  const push = Option.match(config.pushWebhookUrl, {
    onNone: () => Push.layerLog,
    onSome: (url) => Push.layerWebhook(url).pipe(Layer.provide(NodeHttpClient.layerUndici))
  })
  return Layer.mergeAll(mailer, push).pipe(Layer.provide(OutgoingLog.layer))
}
