import { RunbookError } from '../core/errors.ts'

const SAMPLE_MS = 50
/** The minimum length of a delay that is reported. Shorter delays are common, because timers of a busy process are often late. */
const MIN_STALL_MS = 200

/** The minimum length of a stall that is counted for the doctor. Shorter stalls are usual if other programs need the processors too. */
const MIN_COUNTED_MS = 1_000

let total = 0
const counted: { count: number; maxMs: number; last?: { ms: number; endedAt: number } } = { count: 0, maxMs: 0 }
let lastSample: number | undefined
let report: (ms: number) => void = () => {}

/**
 * From now on, calls `log` for each time in which this process did not run because it was suspended, had no processor,
 * or was busy with one long task.
 */
export function logStalls(log: (line: string) => void): void {
  report = (ms) =>
    log(
      `this process was suspended or too busy for ${(ms / 1000).toFixed(1)} s; checks that it delayed for long are repeated`,
    )
  stalledMs()
}

/** The milliseconds for which this process was suspended or too busy since the first call. */
export function stalledMs(): number {
  if (lastSample === undefined) setInterval(sample, SAMPLE_MS).unref()
  sample()
  return total
}

function sample(): void {
  const now = performance.now()
  const late = now - (lastSample ?? now) - SAMPLE_MS
  lastSample = now
  if (late < MIN_STALL_MS) return
  total += late
  if (late >= MIN_COUNTED_MS) {
    counted.count += 1
    counted.maxMs = Math.max(counted.maxMs, late)
    counted.last = { ms: late, endedAt: now }
  }
  report(late)
}

/** The stalls of this process of a second or more, since the first call of `stalledMs`. */
export function countedStalls(): { count: number; maxMs: number; last?: { ms: number; agoMs: number } } {
  stalledMs()
  const { count, maxMs, last } = counted
  return { count, maxMs, ...(last ? { last: { ms: last.ms, agoMs: performance.now() - last.endedAt } } : {}) }
}

/**
 * The error for an observation that must be repeated, because this process was suspended or too busy while it waited
 * for a system. A missing answer then says nothing about the system. `isBusy` is true for this error.
 */
export function stalledError(ms: number): RunbookError {
  const what = `this process was suspended or too busy for ${(ms / 1000).toFixed(1)} s during the check`
  return new RunbookError('RUNBOOK_UNREACHABLE', `${what}; trying again`, { busy: true })
}
