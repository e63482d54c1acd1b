import type pg from 'pg'
import { RunbookError } from '../core/errors.ts'
import { sqlState } from './sql-errors.ts'
import type { TimeLimits } from './time-limits.ts'

/** What is entered before the change is made, and counts only if it is committed with it. */
export interface LedgerEntry {
  key: string
  digest: string
  detail: string
  rows: number
}

/** What the ledger already holds under the key. */
export type Standing = Omit<LedgerEntry, 'key'>

/** Begins a transaction whose every part is bounded, also when this process is stopped in the middle of it. */
export async function beginBounded(client: pg.ClientBase, limits: TimeLimits): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  await client.query(
    `SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
       set_config('idle_in_transaction_session_timeout', $3, true),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
         ELSE current_setting('synchronous_commit') END, true)`,
    [String(limits.statementMs), String(limits.lockMs), String(limits.idleMs)],
  )
}

/**
 * Enters the effect. While another attempt's transaction holds the same key, this waits for its end. Returns undefined when the
 * entry is ours, else what stands there, committed. Throws RUNBOOK_CONFIG where there is no ledger, or no right to it.
 */
export async function enterLedger(client: pg.ClientBase, entry: LedgerEntry): Promise<Standing | undefined> {
  try {
    const inserted = await client.query(
      `INSERT INTO runbook_ledger.effects (key, digest, detail, rows) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [entry.key, entry.digest, entry.detail, entry.rows],
    )
    if (inserted.rowCount === 1) return undefined
    const found = await client.query<Standing>(
      'SELECT digest, detail, rows FROM runbook_ledger.effects WHERE key = $1',
      [entry.key],
    )
    return found.rows[0]!
  } catch (error) {
    if (['42P01', '3F000', '42501'].includes(sqlState(error) ?? ''))
      throw new RunbookError(
        'RUNBOOK_CONFIG',
        'the database has no ledger for this role: run "runbook connection prepare", or set "ledger: none"',
        {},
        error,
      )
    throw error
  }
}

/** Raises the lease's fence in the target to ours. False: it has seen a higher one, so the lease is lost. */
export async function raiseFence(client: pg.ClientBase, lease: string, fence: number): Promise<boolean> {
  const raised = await client.query(
    `INSERT INTO runbook_ledger.fences AS f (name, fence) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET fence = excluded.fence WHERE f.fence <= excluded.fence`,
    [lease, fence],
  )
  return raised.rowCount === 1
}
