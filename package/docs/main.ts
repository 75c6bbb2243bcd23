/**
 * Makes what is generated of the documents: the API reference from docstrings, and tables of what the code declares.
 *
 *     pnpm build:docs
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { root } from "../manifest.ts"
import { declareAll } from "./Declarations.ts"
import { pagesOf } from "./pages.ts"
import { columnsOfMigrated, meaningFaults } from "./tablesPage.ts"

const columns = await Effect.runPromise(columnsOfMigrated)
const faults = meaningFaults(columns)
if (faults.length > 0) {
  process.stderr.write(`${faults.join("\n")}\n`)
  process.exit(1)
}
for (const { path, text } of await pagesOf(declareAll(), columns)) {
  const file = join(fileURLToPath(root), path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  process.stdout.write(`${path}\n`)
}
