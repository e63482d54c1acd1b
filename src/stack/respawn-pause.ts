const FIRST_MS = 1_000
const LONGEST_MS = 15_000

/** How long to wait before what has ended is started again, in milliseconds: longer with each try that failed, up to a bound. */
export function respawnPauseMs(failedTries: number): number {
  return Math.min(FIRST_MS * 2 ** failedTries, LONGEST_MS)
}
