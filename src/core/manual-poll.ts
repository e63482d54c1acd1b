const MIN_INTERVAL_MS = 600_000
const MAX_POLLS = 24

/**
 * How often the workflow checks whether a person has done a manual action, if no signal arrives: every ten minutes, but at most 24 times,
 * because each poll adds events to the workflow's history.
 */
export function manualPollMs(timeoutMs: number): number {
  return Math.max(MIN_INTERVAL_MS, Math.ceil(timeoutMs / MAX_POLLS))
}
