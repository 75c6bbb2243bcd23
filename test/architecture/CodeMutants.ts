import { exportsAreDocumented, noLiveLayers, serviceIdsArePaths } from "./Exports.ts"
import * as Habits from "./Habits.ts"
import * as Metrics from "./Metrics.ts"
import { allBad, allGood, file, manifest, type Mutants, repeat, tree } from "./Mutant.ts"
import * as Project from "./Project.ts"

export const codeMutants: Mutants = [
  [
    Project.everySourceParses,
    [
      tree([file("src/app/A.ts", "const a = 1", "const = 2")], "src/app/A.ts:2"),
      allGood("test/a.test.ts", "export const a: number = 1")
    ]
  ],
  [
    Metrics.filesAreSmall,
    [
      tree([file("src/app/A.ts", ...repeat(301, ""))], "src/app/A.ts:301"),
      tree([file("examples/01-first.ts", ...repeat(301, ""))], "examples/01-first.ts:301"),
      tree([file("test/laws/A.test.ts", ...repeat(401, ""))], "test/laws/A.test.ts:401"),
      tree([file("src/app/A.ts", ...repeat(300, "")), file("test/a.test.ts", ...repeat(400, ""))])
    ]
  ],
  [
    Metrics.medianFileIsSmall,
    [
      tree([file("src/app/A.ts", ...repeat(10, "")), file("src/app/B.ts", ...repeat(171, ""))], "src:1"),
      tree([file("src/app/A.ts", ...repeat(10, "")), file("src/app/B.ts", ...repeat(170, ""))])
    ]
  ],
  [
    Metrics.functionsAreSmall,
    [
      tree([file("src/app/A.ts", "const f = () => {", ...repeat(59, "  g()"), "}")], "src/app/A.ts:1"),
      tree([file("src/app/A.ts", "", "gen(function* () {", ...repeat(59, "  g()"), "})")], "src/app/A.ts:2"),
      tree([file("src/app/A.ts", "class A {", "  m() {", ...repeat(59, "  g()"), "  }", "}")], "src/app/A.ts:2"),
      tree([file("src/app/A.ts", "function f() {", ...repeat(58, "  g()"), "}")])
    ]
  ],
  [
    Metrics.mostFunctionsAreTiny,
    [
      tree([file("src/app/A.ts", "const f = () => {", ...repeat(24, "  g()"), "}")], "src:1", "src/app/A.ts:1"),
      tree([file("src/app/A.ts", "const f = () => {", ...repeat(23, "  g()"), "}")]),
      tree([file("src/app/A.ts", ...repeat(9, "(() => 1)"), "const f = () => {", ...repeat(40, "  g()"), "}")])
    ]
  ],
  [
    Metrics.controlIsFlat,
    [
      allBad("src/app/A.ts", "const f = () => { for (;;) { if (a) { while (b) { c() } } } }"),
      allBad("src/app/B.ts", "function f() { try { switch (a) { default: for (const b of c) d() } } catch {} }"),
      allBad("src/app/C.ts", "const f = () => { if (a) { } else { for (;;) { do { c() } while (b) } } }"),
      allBad("src/app/G.ts", "const f = () => { if (a) if (b) if (c) d() }"),
      allBad("src/app/D.ts", "for (;;) { const f = () => { if (a) for (;;) for (const b in c) d() } }"),
      allGood(
        "src/app/E.ts",
        "const f = () => { for (;;) { if (a) { b() } else if (c) { d() } else if (e) { g() } } }"
      ),
      allGood("src/app/F.ts", "const f = () => { for (;;) { if (a) { h(() => { if (b) { for (;;) c() } }) } } }")
    ]
  ],
  [
    Habits.noAny,
    [
      allBad("src/app/A.ts", "let a: any", "type B = Array<any>", "const f = (c: unknown) => c as any"),
      allGood("src/app/B.ts", "// any", 'const any = "any"', "let a: unknown")
    ]
  ],
  [
    Habits.noNonNull,
    [
      allBad("src/app/A.ts", "const a = b!", "c!.d()", "let e!: string", "class F { g!: number }"),
      allGood("src/app/B.ts", "const a = !b", "const c = d !== e", "const f = g?.h")
    ]
  ],
  [
    Habits.fewAssertions,
    [
      allBad("src/infra/nats/A.ts", ...repeat(11, "f(a as B) // why")),
      allGood("src/infra/nats/B.ts", ...repeat(10, "f(a as B)"), ...repeat(9, "f(a as const)"))
    ]
  ],
  [
    Habits.assertionsHaveReasons,
    [
      allBad("src/app/A.ts", "f(a as B)", "f(<B>a)", "f((a as const) as B)"),
      allGood("src/app/B.ts", "// the driver says unknown, its manual says B", "f(a as B)", "", "f(a as B) /* why */"),
      allGood("src/app/C.ts", "f(", "  g(a),", "  // why", "  h(b) as B", ")", 'import { a as b } from "./D.ts"'),
      allGood("src/app/E.ts", "f({", "  a: 1,", "  b: 2", "  // why", "} as B)"),
      tree([file("src/app/D.ts", "// far away", "", "f(a as B)")], "src/app/D.ts:3")
    ]
  ],
  [
    Habits.noThrowOrTry,
    [
      allBad("src/app/A.ts", "const f = () => { throw g }", "try { f() } finally { g() }"),
      allBad("examples/01-first.ts", "throw new Error()"),
      allGood("src/infra/nats/A.ts", "try { f() } catch { throw g }"),
      allGood("src/app/B.ts", "Effect.try(f)", "stream.throw(g)")
    ]
  ],
  [
    Habits.noLetInDomain,
    [
      allBad("src/domain/A.ts", "let a = 1", "for (let b = 0; ; ) {}", "var c = 1"),
      allGood("src/domain/B.ts", "const a = 1", "for (const b of c) {}"),
      allGood("src/pipeline/A.ts", "let a = 1")
    ]
  ],
  [
    Habits.noConsole,
    [
      allBad("src/app/A.ts", "console.log(1)", "const warn = console.warn", "globalThis.console.error(1)"),
      allGood("src/app/B.ts", "Console.log(1)", "f(a.console)"),
      allGood("examples/01-first.ts", "console.log(1)")
    ]
  ],
  [
    Project.fewRuntimeDependencies,
    [
      tree(
        [
          manifest('"dependencies": {"a":"1","b":"1","c":"1","d":"1"}', '"peerDependencies": {"e":"1","f":"1","g":"1"}')
        ],
        "package.json:1"
      ),
      tree([
        manifest('"dependencies": {"a":"1","b":"1","c":"1"}', '"peerDependencies": {"a":"1","e":"1","f":"1","g":"1"}')
      ]),
      tree([manifest('"optionalDependencies": {"a":"1","b":"1","c":"1","d":"1","e":"1","f":"1","g":"1"}')])
    ]
  ],
  [
    Project.filesAreNamedAfterConcepts,
    [
      allBad("src/pipeline/utils.ts", ""),
      allBad("src/pipeline/KeyManager.ts", ""),
      allBad("src/app/common/Name.ts", ""),
      allBad("examples/02-order-helpers.ts", ""),
      allGood("src/pipeline/Commonality.ts", "")
    ]
  ],
  [
    serviceIdsArePaths,
    [
      allBad("src/pipeline/A.ts", 'export class A extends Context.Service<A, {}>()("A") {}'),
      allBad("src/pipeline/B.ts", 'export class B extends Context.Service<B>()("millrace/B", { make }) {}'),
      allBad("src/pipeline/C.ts", 'export const C = Context.Service<{}>("millrace/pipeline/c")'),
      allBad("src/pipeline/D.ts", "export class D extends Context.Service<D, {}>()(id) {}"),
      allBad(
        "src/infra/nats/Two.ts",
        'export class One extends Context.Service<One, {}>()("millrace/infra/nats/Two") {}',
        'export class Two extends Context.Service<Two, {}>()("millrace/infra/nats/One") {}'
      ),
      allGood(
        "src/pipeline/Outbox.ts",
        'export class Outbox extends Context.Service<Outbox, {}>()("millrace/pipeline/Outbox") {}'
      ),
      allGood(
        "src/infra/nats/Both.ts",
        'export class One extends Context.Service<One, {}>()("millrace/infra/nats/One") {}',
        'class Two extends Context.Service<Two, {}>()("millrace/infra/nats/Two") {}',
        "export { Two }"
      ),
      allGood("src/infra/nats/A.ts", 'export class B extends Context.Service<B, {}>()("millrace/infra/nats/A") {}'),
      allGood("src/app/E.ts", 'export class E extends Schema.TaggedError<E>()("E", {}) {}')
    ]
  ],
  [
    exportsAreDocumented,
    [
      allBad(
        "src/pipeline/A.ts",
        "export const a = 1",
        "export class B {}",
        "export type C = 1",
        "export interface D {}",
        "export function e() {}",
        "export default 1 as const"
      ),
      tree([file("src/domain/A.ts", "/** Module. */", "", "export const a = 1")], "src/domain/A.ts:3"),
      tree(
        [file("src/domain/B.ts", "/* no */", "export const a = 1", "// no", "export const b = 1")],
        "src/domain/B.ts:2",
        "src/domain/B.ts:4"
      ),
      tree(
        [file("src/domain/C.ts", "/** */", "export const a = 1", "const b = 1", "export { b }")],
        "src/domain/C.ts:2",
        "src/domain/C.ts:3"
      ),
      allGood("src/domain/D.ts", "/** Why. */", "export const Id = 1", "export type Id = typeof Id", "const own = 1"),
      allGood("src/domain/E.ts", "/**", " * Why.", " */", "// oxlint-disable-next-line no-var", "export const a = 1"),
      allGood("src/pipeline/index.ts", 'export * as Outbox from "./Outbox.ts"', 'export { a } from "./A.ts"'),
      allGood("src/app/A.ts", "export const a = 1")
    ]
  ],
  [
    noLiveLayers,
    [
      allBad(
        "src/app/A.ts",
        "export const OutboxLive = 1",
        "export class B { static readonly Live = 1 }",
        "export const layerLive = 1"
      ),
      allGood(
        "src/ops/LiveFeed.ts",
        "export class LiveFeed { static readonly layer = 1 }",
        "const Live = 1",
        "export type AppLive = 1",
        "export const isLive = 1"
      )
    ]
  ]
]
