/** Every document that is made, and how it has to read. */
import { apiPages } from "./apiPages.ts"
import { blockPages } from "./blocks.ts"
import type { Modules } from "./Declarations.ts"
import { alertsPage, operationsPage } from "./operatorPages.ts"
import type { Page } from "./Page.ts"
import { streamPage } from "./streamPage.ts"
import { type Column, tablesPage } from "./tablesPage.ts"

export const pagesOf = async (modules: Modules, columns: ReadonlyArray<Column>): Promise<ReadonlyArray<Page>> => [
  ...(await apiPages(modules)),
  tablesPage(columns),
  streamPage(),
  alertsPage(),
  operationsPage(),
  ...blockPages()
]
