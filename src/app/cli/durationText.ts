/** `850 ms`, `3.2 s`, `45 s`, `3 min`, `2 h`, `4 d`. */
export const durationText = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(Math.max(0, ms))} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 90_000) return `${Math.round(ms / 1_000)} s`
  if (ms < 90 * 60_000) return `${Math.round(ms / 60_000)} min`
  return ms < 36 * 3_600_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`
}
