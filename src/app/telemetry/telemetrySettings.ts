import { Schema } from "effect"
import { setting } from "../Setting.ts"
import { address, headerList, text } from "../settingSchemas.ts"

/** Where traces, metrics and logs go, and under which name. */
export const telemetrySettings = {
  serviceName: setting(
    "SERVICE_NAME",
    text,
    "millrace",
    "What it is called in traces, metrics and logs that are exported."
  ),
  otlpUrl: setting(
    "OTLP_URL",
    address(["http:", "https:"], "http://host:4318"),
    undefined,
    "OpenTelemetry collector (OTLP over HTTP) for traces, metrics and logs; without it nobody traces, which costs nothing."
  ),
  otlpHeaders: setting(
    "OTLP_HEADERS",
    Schema.OptionFromOptionalKey(Schema.RedactedFromValue(headerList)),
    undefined,
    "Headers it asks for, such as authorization=Bearer …; several with commas."
  )
} as const
