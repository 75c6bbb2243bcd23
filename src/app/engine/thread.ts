import { enableCompileCache } from "node:module"

// As in main.ts: before anything else is loaded.
enableCompileCache()

await import("./runThread.ts")
