import type { PoolClient } from 'pg'
import { RunbookError } from '../../src/core/errors.ts'
import { sqlTokens } from '../../src/language/sql-tokens.ts'
import { clockDifferenceMs, MAX_CLOCK_DIFFERENCE_MS } from '../../src/targets/clock-difference.ts'

/** The words with which a statement asks for the time of the server. */
const CLOCK = new Set([
  ...['now', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp', 'timeofday', 'age'],
  ...['current_timestamp', 'current_date', 'current_time', 'localtimestamp', 'localtime'],
])
/** The texts that PostgreSQL reads as a time of its own clock, such as `'now'::timestamptz`. */
const CLOCK_TEXT = /^'\s*(now|today|yesterday|tomorrow)\s*'$/i

/** Whether the statement names the clock of the server. A view or function that uses the clock is not noticed. */
export function usesServerClock(sql: string): boolean {
  return sqlTokens(sql).some(({ kind, text }) =>
    kind === 'word' ? CLOCK.has(text.toLowerCase()) : kind === 'quoted' && CLOCK_TEXT.test(text),
  )
}

/**
 * Throws RUNBOOK_CHECK_FAILED if the clock of the PostgreSQL server differs from that of this worker. Then an age that the statement
 * computes is wrong for every time that another computer wrote, and does not fit the times of log lines and metrics.
 */
export async function requireServerClock(client: PoolClient, connection: string): Promise<void> {
  const difference = await clockDifferenceMs(client)
  if (difference <= MAX_CLOCK_DIFFERENCE_MS) return
  const seconds = Math.round(difference / 1000)
  throw new RunbookError(
    'RUNBOOK_CHECK_FAILED',
    `connection ${connection}: the clocks of this worker and of the PostgreSQL server differ by ${seconds} s, so nobody knows how old a row is: correct the clock that is wrong`,
  )
}
