/** How long each step of a fenced write may take, in milliseconds. */
export interface TimeLimits {
  /** From a reading of the target's clock, before the permit is requested, to the last moment at which the write may begin. */
  deadlineMs: number
  /** One statement, including the time it waits for locks. */
  statementMs: number
  lockMs: number
  /** How long the target's server waits between two statements of the transaction, in case this process is suspended. */
  idleMs: number
  /** The lease is requested after the clock was read, so it ends after all steps above have ended. */
  leaseMs: number
}

const MAX_STEP_MS = 30_000
const IDLE_TIMEOUT_MS = 5_000
/** For the commit itself, and for clocks that run at slightly different speeds. */
const MARGIN_MS = 5_000

/**
 * Why nothing is written after the lease has ended: a write begins before the deadline, the server stops it after `statementMs`, and
 * the server ends the session of a process that is suspended before its COMMIT after `idleMs`.
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
