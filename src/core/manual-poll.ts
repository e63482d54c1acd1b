const LEAST_MS = 600_000
const MOST_LOOKS = 24

/**
 * After how many milliseconds it is looked again whether a person has done a step by hand, if nobody rings before: every ten minutes,
 * and of what takes long not more than 24 times, since each look stands in the workflow's history.
 */
export function manualPollMs(timeoutMs: number): number {
  return Math.max(LEAST_MS, Math.ceil(timeoutMs / MOST_LOOKS))
}
