import { type AlertRule, alertRules } from "../../src/ops/alertRules.ts"

/** In the quotes that need no escapes. */
const quoted = (text: string) => (text.includes('"') ? `'${text.replaceAll("'", "''")}'` : `"${text}"`)

const ruleOf = ({ comparison, expr, forSeconds, name, severity, summary, threshold, unit }: AlertRule) =>
  [
    `      - alert: ${name}`,
    `        expr: ${quoted(`(${expr}) ${comparison} ${threshold}`)}`,
    `        for: ${forSeconds}s`,
    `        labels:`,
    `          severity: ${severity}`,
    `        annotations:`,
    `          summary: ${quoted(summary)}`,
    `          description: ${quoted(`{{ $value | printf "%.6g" }} ${unit}; the limit is ${threshold}`)}`,
    `          runbook: docs/runbook.md#${name.toLowerCase()}`
  ].join("\n")

/** The rules as Prometheus reads them. */
export const alertsYaml = (): string =>
  [
    "# The shipped alert rules: src/ops/alertRules.ts says the same, and a test keeps the two equal.",
    "# Each has a heading in docs/runbook.md. Tested with: promtool test rules deploy/prometheus/alerts.test.yml",
    "groups:",
    "  - name: millrace",
    "    rules:",
    ...alertRules.map(ruleOf),
    ""
  ].join("\n")
