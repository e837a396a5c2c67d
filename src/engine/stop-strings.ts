/** Where in a text the stop strings leave off: everything before `safe` can never become part of one. */
export interface StopScan {
  readonly safe: number
  /** Whether a stop string begins at `safe`. */
  readonly matched: boolean
}

/**
 * Looks for the first of `stops` in `text`. Without one, keeps back the longest end of `text` that
 * could still grow into one.
 */
export function scanStops (text: string, stops: readonly string[]): StopScan {
  let first = Infinity
  for (const stop of stops) {
    const at = text.indexOf(stop)
    if (at >= 0 && at < first) first = at
  }
  if (first !== Infinity) return { safe: first, matched: true }
  let kept = 0
  for (const stop of stops) kept = Math.max(kept, overlap(text, stop))
  return { safe: text.length - kept, matched: false }
}

/** Length of the longest end of `text` that is a beginning of `stop`, but not all of it. */
function overlap (text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
