const FIRST_MS = 1_000
const MAX_MS = 15_000

/** Milliseconds to wait before a process that ended is started again: longer after each failed attempt, up to a limit. */
export function respawnPauseMs(failedAttempts: number): number {
  return Math.min(FIRST_MS * 2 ** failedAttempts, MAX_MS)
}
