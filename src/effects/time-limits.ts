/** How long each step of a fenced write may take, in milliseconds. */
export interface TimeLimits {
  /**
   * The time between the reading of the target's clock, which happens before the permit is requested, and the last moment at which the
   * write may begin.
   */
  deadlineMs: number
  /** The limit for one statement, including the time for which it waits for locks. */
  statementMs: number
  lockMs: number
  /** How long the target's server waits between two statements of the transaction, because this process may be suspended. */
  idleMs: number
  /** The duration of the lease. The lease is requested after the clock was read, so it ends after all the steps above. */
  leaseMs: number
}

const MAX_STEP_MS = 30_000
const IDLE_TIMEOUT_MS = 5_000
/** Time for the commit itself, and for clocks that run at slightly different speeds. */
const MARGIN_MS = 5_000

/**
 * The time limits of a write, which make sure that nothing is written after the lease has ended. A write begins before
 * the deadline. The server stops it after `statementMs`. If the process is suspended before its COMMIT, the server ends
 * its session after `idleMs`.
 */
export function timeLimits(timeoutMs: number): TimeLimits {
  const step = Math.min(Math.max(timeoutMs, 1_000), MAX_STEP_MS)
  const lockMs = Math.min(step, 5_000)
  return {
    deadlineMs: step,
    statementMs: step,
    lockMs,
    idleMs: IDLE_TIMEOUT_MS,
    leaseMs: step + step + IDLE_TIMEOUT_MS + MARGIN_MS,
  }
}
