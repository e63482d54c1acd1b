import type pg from 'pg'
import { RunbookError } from '../core/errors.ts'
import type { PostgresTarget } from '../targets/targets.ts'
import { sqlState } from './sql-errors.ts'

/**
 * Whether the server refused the write because it is a standby (SQLSTATE 25006), for example after a failover. Then
 * nothing was changed.
 */
export function isStandby(error: unknown): boolean {
  return sqlState(error) === '25006'
}

/** The error for a server that is a standby. The caller tries again, because the server may become the primary. */
export function standbyError({ connection, address }: PostgresTarget): RunbookError {
  const message = `connection ${connection}: PostgreSQL at ${address} accepts no writes now: it is a read replica or set to read-only. Use the address of its primary`
  return new RunbookError('RUNBOOK_UNREACHABLE', message, { connection, down: true })
}

/** Throws `standbyError` if the server is a standby. */
export async function requirePrimary(client: pg.PoolClient, target: PostgresTarget): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>('SELECT pg_catalog.pg_is_in_recovery() AS standby')
  if (rows[0]?.standby) throw standbyError(target)
}
