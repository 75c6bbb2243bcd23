import { enableCompileCache } from "node:module"

// Compiled code is kept from one start to the next. It must be switched on before anything else is loaded.
enableCompileCache()

await import("./run.ts")
