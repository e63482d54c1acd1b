import { expect, test } from 'vitest'
import { timeLimits } from '../../../src/effects/time-limits.ts'

test.each([1, 500, 1_000, 5_000, 10_000, 60_000, 3_600_000])(
  'with a timeout of %i ms, every possible write ends before the lease ends',
  (timeoutMs) => {
    const { deadlineMs, statementMs, lockMs, idleMs, leaseMs } = timeLimits(timeoutMs)
    expect(deadlineMs + statementMs + idleMs).toBeLessThan(leaseMs)
    expect(lockMs).toBeLessThanOrEqual(statementMs)
    expect(Math.min(deadlineMs, statementMs, lockMs, idleMs)).toBeGreaterThanOrEqual(1_000)
    expect(leaseMs).toBeLessThanOrEqual(70_000)
  },
)
