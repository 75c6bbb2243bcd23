import { createTransport } from "nodemailer"
import { Context, Effect, Layer, Predicate, Redacted, Schema } from "effect"
import { OutgoingLog } from "./OutgoingLog.ts"

/** A mail ready to be sent. The message id is the idempotency key in the form mail servers compare. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly idempotencyKey: string
  /** Of what the mail is sent for; it goes along as a header. */
  readonly traceparent: string
}

/** The mail server did not take a mail; whether it will deliver it is unknown. The same message id is used again. */
export class MailFailed extends Schema.TaggedError<MailFailed>()("MailFailed", { detail: Schema.String }) {
  override get message() {
    return `the mail was not accepted: ${this.detail}`
  }
}

/** The mail server will not take this mail, now or later (a reply of 5xx). */
export class MailRejected extends Schema.TaggedError<MailRejected>()("MailRejected", { detail: Schema.String }) {
  override get message() {
    return `the mail was rejected: ${this.detail}`
  }
}

/** The mail server does not know us: no mail can be sent until user and password in SMTP_URL are right. */
export class MailUnauthorized extends Schema.TaggedError<MailUnauthorized>()("MailUnauthorized", {
  detail: Schema.String
}) {
  override get message() {
    return `the mail server refuses user and password of SMTP_URL: ${this.detail}`
  }
}

/** Sends mail. Delivery semantics: at least once per call that succeeds; the Message-ID makes repetitions recognisable. */
export class Mailer extends Context.Service<
  Mailer,
  { readonly send: (mail: Mail) => Effect.Effect<void, MailFailed | MailRejected | MailUnauthorized> }
>()("millrace/app/effects/Mailer") {}

/** Connections to the mail server at the same time, and mails under way: none waits inside the client. */
export const smtpConnectionsMax = 8

/** How long a silent mail server is waited for, at each step of a conversation. */
const silenceMs = 10_000

/** By SMTP, over a bounded pool of connections. */
export const layerSmtp = (url: Redacted.Redacted, from: string): Layer.Layer<Mailer> =>
  Layer.effect(
    Mailer,
    Effect.gen(function* () {
      const transport = yield* Effect.acquireRelease(
        Effect.sync(() =>
          createTransport({
            url: Redacted.value(url),
            pool: true,
            maxConnections: smtpConnectionsMax,
            connectionTimeout: silenceMs,
            greetingTimeout: silenceMs,
            socketTimeout: silenceMs
          })
        ),
        (open) => Effect.sync(() => open.close())
      )
      return Mailer.of({
        send: ({ idempotencyKey, subject, text, to, traceparent }) =>
          Effect.tryPromise({
            try: () =>
              transport.sendMail({
                from,
                to,
                subject,
                text,
                messageId: messageIdOf(idempotencyKey),
                headers: { traceparent }
              }),
            catch: failureOf
          }).pipe(
            Effect.asVoid,
            // A mail cannot be called back: giving up on it and sending it again would send it twice. Silence ends it.
            Effect.uninterruptible
          )
      })
    })
  )

const failureOf = (cause: unknown) => {
  const detail = cause instanceof Error ? cause.message : String(cause)
  if (Predicate.hasProperty(cause, "code") && cause.code === "EAUTH") return new MailUnauthorized({ detail })
  const reply = Predicate.hasProperty(cause, "responseCode") ? Number(cause.responseCode) : 0
  return reply >= 500 ? new MailRejected({ detail }) : new MailFailed({ detail })
}

/** Logs what would be sent. */
export const layerLog: Layer.Layer<Mailer, never, OutgoingLog> = Layer.effect(
  Mailer,
  Effect.map(OutgoingLog, (log) =>
    Mailer.of({
      send: ({ idempotencyKey, subject, to }) =>
        log.say("mail (SMTP_URL is not set, so it is only logged)", {
          to,
          subject,
          messageId: messageIdOf(idempotencyKey)
        })
    })
  )
)

/** `<mail.0198….0@millrace>`: the colons of the idempotency key are not allowed in a message id. */
export const messageIdOf = (idempotencyKey: string): string => `<${idempotencyKey.replaceAll(":", ".")}@millrace>`
