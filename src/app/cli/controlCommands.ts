import { Effect, Option } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { type ControlBody, PartitionNumber } from "../../ops/ControlApi.ts"
import { actor, asking, opsFlags, type OpsOptions, whyFlag } from "./opsFlags.ts"
import { print } from "./Output.ts"

const common = { ...opsFlags, why: whyFlag }

interface Common extends OpsOptions {
  readonly why: string
}

const change = Effect.fnUntraced(function* (options: Common, payload: ControlBody, done: string) {
  const answer = yield* asking(options, (ops) => ops.control.control({ payload }))
  yield* print(options.output, answer, answer.changed ? done : `nothing changed: it was so before`)
})

const partitionArgument = Argument.Int("partition").pipe(
  Argument.withSchema(PartitionNumber),
  Argument.withDescription("Only this partition of it"),
  Argument.optional
)

const target = {
  ...common,
  handler: Argument.String("handler").pipe(Argument.withDescription("Such as mail"), Argument.optional),
  partition: partitionArgument,
  all: Flag.Boolean("all").pipe(Flag.withDescription("Every handler"), Flag.withDefault(false))
}

interface Target {
  readonly handler: Option.Option<string>
  readonly partition: Option.Option<number>
  readonly all: boolean
}

const oneOrAll = ({ all, handler }: Common & Target) =>
  all === Option.isNone(handler)
    ? Effect.void
    : Effect.fail(new CliError.ValidationError({ message: "say which handler, or --all for every one; not both" }))

const wordsOf = ({ handler, partition }: Target) => {
  if (Option.isNone(handler)) return "all handlers"
  return Option.isNone(partition) ? handler.value : `${handler.value}, partition ${partition.value}`
}

const pauseOrResume =
  (act: "pause" | "resume", done: string) =>
  ({ all, handler, partition, ...options }: Common & Target) =>
    change(
      options,
      {
        act,
        ...(Option.isSome(handler) ? { handler: handler.value } : {}),
        ...(Option.isSome(partition) ? { partition: partition.value } : {}),
        actor: actor(),
        why: options.why
      },
      `${done} ${wordsOf({ all, handler, partition })}`
    )

/** `pnpm start pause`. */
export const pauseCommand = Command.make("pause", target, pauseOrResume("pause", "paused")).pipe(
  Command.validate(oneOrAll),
  Command.withDescription(
    "Stops a handler, one of its partitions, or all of them: what is in hand is finished, what comes waits in the stream. Lasts until it is resumed, over restarts too."
  ),
  Command.withShortDescription("Stops a handler, one of its partitions, or all"),
  Command.withExamples([
    { command: `pnpm start pause mail --why "the mail server is moved"`, description: "One handler" },
    { command: "pnpm start pause mail 3", description: "One of its partitions" },
    { command: "pnpm start pause --all", description: "Every handler" }
  ])
)

/** `pnpm start resume`. */
export const resumeCommand = Command.make("resume", target, pauseOrResume("resume", "resumed")).pipe(
  Command.validate(oneOrAll),
  Command.withDescription(
    "Takes pauses back: of a handler with all its partitions, of one partition, or all there are"
  ),
  Command.withShortDescription("Takes pauses back"),
  Command.withExamples([
    { command: "pnpm start resume mail", description: "One handler, and each of its partitions" },
    { command: "pnpm start resume --all", description: "Everything" }
  ])
)

const perSecondArgument = Argument.String("per-second").pipe(
  Argument.withDescription("Events a second over all instances, or off"),
  Argument.mapEffect((text) => {
    const perSecond = text === "off" ? null : Number(text)
    return perSecond === null || (perSecond >= 0.01 && perSecond <= 1_000_000)
      ? Effect.succeed(perSecond)
      : Effect.fail(
          new CliError.InvalidValue({
            option: "per-second",
            value: text,
            expected: "a number from 0.01 to 1000000, or off",
            kind: "argument"
          })
        )
  })
)

/** `pnpm start throttle`. */
export const throttleCommand = Command.make(
  "throttle",
  { ...common, handler: Argument.String("handler"), perSecond: perSecondArgument },
  ({ handler, perSecond, ...options }) =>
    change(
      options,
      { act: "throttle", handler, perSecond, actor: actor(), why: options.why },
      perSecond === null
        ? `${handler} is as fast as it can be`
        : `${handler} handles ${perSecond} events a second at most`
    )
).pipe(
  Command.withDescription("Limits a handler to so many events a second, over all instances. Lasts until it is off."),
  Command.withShortDescription("Limits a handler's pace"),
  Command.withExamples([
    { command: "pnpm start throttle push 50", description: "A receiver that cannot take more" },
    { command: "pnpm start throttle push off", description: "As fast as it can be" }
  ])
)

const drainOrNot =
  (act: "drain" | "undrain", done: (instance: string) => string) =>
  ({ instance, ...options }: Common & { readonly instance: string }) =>
    change(options, { act, instance, actor: actor(), why: options.why }, done(instance))

const instance = Argument.String("instance").pipe(Argument.withDescription("Its id, as `instances` shows it"))

/** `pnpm start drain`. */
export const drainCommand = Command.make(
  "drain",
  { ...common, instance },
  drainOrNot("drain", (id) => `${id} gives its partitions up and takes none`)
).pipe(
  Command.withDescription(
    "An instance finishes what it has in hand, gives its partitions to the others and takes none"
  ),
  Command.withShortDescription("An instance gives its partitions to the others"),
  Command.withExamples([
    { command: "pnpm start drain 01a20299-1ccc-7119-9445-28b5dd152dd7", description: "Before its machine is stopped" }
  ])
)

/** `pnpm start undrain`. */
export const undrainCommand = Command.make(
  "undrain",
  { ...common, instance },
  drainOrNot("undrain", (id) => `${id} takes its share again`)
).pipe(
  Command.withDescription("A drained instance takes its share of the partitions again"),
  Command.withShortDescription("A drained instance takes its share again"),
  Command.withExamples([
    { command: "pnpm start undrain 01a20299-1ccc-7119-9445-28b5dd152dd7", description: "It takes part again" }
  ])
)
