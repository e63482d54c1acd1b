import type pg from 'pg'
import { RunbookError } from '../core/errors.ts'
import { sqlState } from './sql-errors.ts'
import type { TimeLimits } from './time-limits.ts'

/** An entry of the ledger. It is inserted before the change is made, and committed together with the change. */
export interface LedgerEntry {
  key: string
  digest: string
  detail: string
  rows: number
}

/** The entry that the ledger already has under the key. */
export type StoredEntry = Omit<LedgerEntry, 'key'>

/** Begins a transaction in which every step has a time limit, even if this process is suspended during the step. */
export async function beginBounded(client: pg.ClientBase, limits: TimeLimits): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE').catch((error: unknown) => {
    // Only a standby refuses this statement with 0A000. The new error has the SQLSTATE of every other write to a standby, which shows the
    // caller that nothing was changed and that it must try again.
    if (sqlState(error) !== '0A000') throw error
    throw Object.assign(new Error('the server is a read replica, which refuses writes', { cause: error }), {
      code: '25006',
    })
  })
  await client.query(
    `SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
       set_config('idle_in_transaction_session_timeout', $3, true),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
         ELSE current_setting('synchronous_commit') END, true)`,
    [String(limits.statementMs), String(limits.lockMs), String(limits.idleMs)],
  )
}

/**
 * Inserts the effect's entry. If the transaction of another attempt holds the same key, this function waits until that transaction ends.
 * Returns undefined when the entry was inserted, otherwise the entry that is already committed. Throws RUNBOOK_CONFIG when the database has
 * no ledger, or the role has no right to it.
 */
export async function enterLedger(client: pg.ClientBase, entry: LedgerEntry): Promise<StoredEntry | undefined> {
  try {
    const inserted = await client.query(
      `INSERT INTO runbook_ledger.effects (key, digest, detail, rows) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [entry.key, entry.digest, entry.detail, entry.rows],
    )
    if (inserted.rowCount === 1) return undefined
    const found = await client.query<StoredEntry>(
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

/** Raises the lease's fence in the target. Returns false if the target already has a higher fence, because then the lease is lost. */
export async function raiseFence(client: pg.ClientBase, lease: string, fence: number): Promise<boolean> {
  const raised = await client.query(
    `INSERT INTO runbook_ledger.fences AS f (name, fence) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET fence = excluded.fence WHERE f.fence <= excluded.fence`,
    [lease, fence],
  )
  return raised.rowCount === 1
}
