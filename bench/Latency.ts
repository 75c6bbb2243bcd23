import { build, type Histogram } from "hdr-histogram-js"

/** A histogram of microseconds, three significant digits, up to ten minutes. */
export const histogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 })

/** Notes milliseconds. */
export const note = (of: Histogram, ms: number) => of.recordValue(Math.max(1, Math.round(ms * 1_000)))

/** Milliseconds at a percentile. */
export const at = (of: Histogram, percentile: number) => of.getValueAtPercentile(percentile) / 1_000
