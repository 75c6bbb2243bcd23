import type { Row } from "./Row.ts"
import { appendRow } from "./rows/append.ts"
import { backlogRow } from "./rows/backlog.ts"
import { bytesRow } from "./rows/bytes.ts"
import { commandsRow } from "./rows/commands.ts"
import { effectsRow, noopRow } from "./rows/consume.ts"
import { httpRow } from "./rows/http.ts"
import { latencyRow } from "./rows/latency.ts"
import { relayRow } from "./rows/relay.ts"
import { failoverRow, idleRow, startRow } from "./rows/running.ts"
import { safetyRow } from "./rows/safety.ts"
import { waitingRow } from "./rows/waiting.ts"

/** All rows, by their number. */
export const rows: ReadonlyArray<Row> = [
  appendRow,
  commandsRow,
  httpRow,
  idleRow,
  backlogRow,
  bytesRow,
  safetyRow,
  failoverRow,
  startRow,
  relayRow,
  effectsRow,
  noopRow,
  latencyRow,
  waitingRow
].toSorted((a, b) => a.number - b.number)
