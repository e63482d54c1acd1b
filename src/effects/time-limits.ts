/** How long each part of a fenced write may take, in milliseconds. */
export interface TimeLimits {
  /** From a reading of the target's clock, before the permit is asked for, to the last moment at which the write may begin. */
  deadlineMs: number
  /** One statement, its waiting for locks included. */
  statementMs: number
  lockMs: number
  /** What the target's server allows between two statements of the transaction, should this process be stopped. */
  idleMs: number
  /** The lease is asked for after the clock was read, so it ends after all of the above has ended. */
  leaseMs: number
}

const LONGEST_MS = 30_000
const IDLE_MS = 5_000
/** For the commit itself, and for clocks that run at slightly different speeds. */
const MARGIN_MS = 5_000

/**
 * The arithmetic behind "nothing is written after the lease has ended": a write begins before the deadline, is cut off after
 * `statementMs`, and a process that is stopped before its COMMIT is thrown out by the server after `idleMs`.
 */
export function timeLimits(timeoutMs: number): TimeLimits {
  const step = Math.min(Math.max(timeoutMs, 1_000), LONGEST_MS)
  const lockMs = Math.min(step, 5_000)
  return {
    deadlineMs: step,
    statementMs: step,
    lockMs,
    idleMs: IDLE_MS,
    leaseMs: step + step + IDLE_MS + MARGIN_MS,
  }
}
