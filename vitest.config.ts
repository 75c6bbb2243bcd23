import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

/** Suites that start nothing. Whatever is not listed is taken to start real servers. */
const pure = ["test/*.test.ts", "test/docs/documents.test.ts", "test/{architecture,domain,ops,pipeline}/**/*.test.ts"]
const all = ["test/**/*.test.ts", "examples/**/*.test.ts"]

const cores = Math.min(availableParallelism(), 8)

const common = { pool: "forks", testTimeout: 30_000, hookTimeout: 60_000 } as const

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      { test: { ...common, name: "pure", include: pure, maxWorkers: cores, sequence: { groupOrder: 0 } } },
      {
        test: {
          ...common,
          name: "servers",
          include: all,
          exclude: [...pure, "**/node_modules/**"],
          // A suite here is a Postgres, a nats-server and a Node, and waits for most of its time: more of them than there are
          // cores. After the pure ones.
          maxWorkers: Math.min(cores + 1, 4),
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
