// @effect-diagnostics missingEffectContext:off missingLayerContext:off missingEffectError:off
/**
 * What does not compile, for those who embed the library. Read by `tsc`: where an error is expected and none comes, that is one.
 * Each refusal stands beside the same thing done right.
 */
import { Context, Duration, Effect, Layer, Schema, type Stream } from "effect"
import { EventStream, Handler, type Outbox, PartitionStream, Pipeline, type PipelineError, RetryPolicy } from "millrace"
import * as MemoryPipeline from "millrace/memory"

const Deposited = Schema.TaggedStruct("Deposited", { account: Schema.String, cents: Schema.Int })
const Closed = Schema.TaggedStruct("Closed", { account: Schema.String })

const Accounts = EventStream.make("accounts", {
  subject: "account",
  events: { deposited: Deposited, closed: Closed },
  key: (event) => event.account
})

class Mailer extends Context.Service<Mailer, { readonly send: (to: string) => Effect.Effect<void, MailFailed> }>()(
  "millrace/test/types/Mailer"
) {}
class MailFailed extends Schema.TaggedError<MailFailed>()("MailFailed", {}) {}
class MailRejected extends Schema.TaggedError<MailRejected>()("MailRejected", {}) {}

/** Ready to be launched: it needs nothing more. */
const complete = <A, E>(layer: Layer.Layer<A, E>) => layer

// A stream takes its own events only.
const inserted: Effect.Effect<
  unknown,
  PipelineError.InvalidEvent | PipelineError.VersionConflict | PipelineError.StoreUnavailable,
  Outbox
> = Accounts.append([Deposited.make({ account: "ada", cents: 1 })])
// @ts-expect-error -- the outbox is missing: outside a pipeline there is nowhere to append to
Effect.runSync(inserted)
// @ts-expect-error -- no such event
void Accounts.append([{ _tag: "Withdrawn", account: "ada" }])
// @ts-expect-error -- an event without its cents
void Accounts.append([{ _tag: "Deposited", account: "ada" }])

// The key is one that every event has.
void EventStream.make("x", {
  subject: "x",
  events: { deposited: Deposited, closed: Closed },
  // @ts-expect-error -- only one of them has cents
  key: (event) => String(event.cents)
})

// A handler takes types that exist, and sees only those.
void Handler.transactional(Accounts, "sum", { on: ["deposited"] }, ({ event }) => Effect.log(event.cents))
// @ts-expect-error -- the stream has no such type
void Handler.transactional(Accounts, "sum", { on: ["withdrawn"] }, () => Effect.void)
// @ts-expect-error -- of the two types it takes, one has no cents
void Handler.transactional(Accounts, "sum", {}, ({ event }) => Effect.log(event.cents))

// What a handler needs, the pipeline needs.
const mail = Handler.external(Accounts, "mail", {}, ({ key }) => Effect.flatMap(Mailer, ({ send }) => send(key)))
const mailer = Layer.succeed(Mailer, { send: () => Effect.void })
void complete(Pipeline.layer(Accounts, [mail]).pipe(Layer.provide([MemoryPipeline.layer, mailer])))
// @ts-expect-error -- nobody provides the Mailer
void complete(Pipeline.layer(Accounts, [mail]).pipe(Layer.provide(MemoryPipeline.layer)))
// @ts-expect-error -- nobody provides the ports
void complete(Pipeline.layer(Accounts, [mail]).pipe(Layer.provide(mailer)))

// A retry policy speaks of the errors that the handler has, and of all of them when it classifies.
const failing = (): Effect.Effect<void, MailFailed | MailRejected> => Effect.fail(new MailRejected())
const tagged = RetryPolicy.withTags<MailFailed | MailRejected>({ MailRejected: { class: "poison" } })
void Handler.external(Accounts, "mail", { retry: tagged(RetryPolicy.retryPolicyDefault) }, failing)
// @ts-expect-error -- no such tag
void RetryPolicy.withTags<MailFailed | MailRejected>({ MailRefused: { class: "poison" } })
// @ts-expect-error -- no such class
void RetryPolicy.withTags<MailFailed | MailRejected>({ MailRejected: { class: "hopeless" } })
const partly = RetryPolicy.withTags<MailFailed>({ MailFailed: { class: "fatal" } })(RetryPolicy.retryPolicyDefault)
// @ts-expect-error -- the policy was made without MailRejected in mind
void Handler.external(Accounts, "mail", { retry: partly }, failing)

// `confirm` answers the question that is asked.
void Handler.external(Accounts, "mail", { confirm: () => Effect.succeed(true) }, failing)
// @ts-expect-error -- yes or no
void Handler.external(Accounts, "mail", { confirm: () => Effect.succeed("sent") }, failing)

// A partition as a Stream says how it can end.
const partition = PartitionStream.partition(Accounts, 0, {
  consumer: "audit",
  partitions: 16,
  instance: { id: "1", host: "", version: "", roles: [] }
})
const failures: Stream.Stream<unknown, PartitionStream.PartitionFailure, unknown> = partition
void failures
// @ts-expect-error -- it can fail
const never: Stream.Stream<unknown, never, unknown> = partition
void never

// Options say what differs from the defaults, and no more than there is.
void Pipeline.layer(Accounts, [], {
  consumers: { ackWait: Duration.minutes(1) },
  relay: { keepFor: Duration.hours(1) }
})
// @ts-expect-error -- there is no such option
void Pipeline.layer(Accounts, [], { consumers: { heartbeat: Duration.seconds(1) } })
