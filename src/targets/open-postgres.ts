import type { Pool, PoolClient } from 'pg'
import { Slots } from './slots.ts'
import { outsideLimit } from './waiting.ts'
import { watchClient, withClient } from '../core/with-client.ts'
import { DEFAULT_POSTGRES_CONNECTIONS } from '../config/config.ts'
import type { Secret } from '../config/secret.ts'
import { isRunbookError, RunbookError } from '../core/errors.ts'
import { postgresAddress, postgresConnectError } from './explain-postgres.ts'
import type { Access, PostgresTarget } from './targets.ts'

const CONNECT_TIMEOUT_MS = 3_000
/** How long to wait for other work of this process on the same connection. */
const SLOT_WAIT_MS = 60_000
const LOCK_TIMEOUT_MS = 2_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000

/**
 * Opens a pool for one credential, after one successful login. Limits and the read-only mode are set in each transaction
 * (`beginReadOnly`). Throws RunbookError `RUNBOOK_UNREACHABLE`, or `RUNBOOK_CONFIG` when the server refuses the login.
 */
export async function openPostgres(
  connection: string,
  access: Access,
  url: Secret,
  settings: { ledger: 'target' | 'none'; redact: string[]; maxConnections?: { read: number; write: number } },
): Promise<PostgresTarget> {
  const connectionString = url.reveal()
  const address = postgresAddress(connection, access, connectionString)
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString,
    max: (settings.maxConnections ?? DEFAULT_POSTGRES_CONNECTIONS)[access],
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
    application_name: `runbook ${connection} ${access}`,
  })
  // If the server stops, idle connections break. The next use opens a new connection, or fails with the reason.
  pool.on('error', () => {})
  pool.on('connect', watchClient)
  const target = { connection, address, pool, ledger: settings.ledger, redact: settings.redact }
  try {
    await withPostgres(target, async () => {})
  } catch (error) {
    await pool.end()
    throw error
  }
  return target
}

/**
 * Waits until one of the pool's connections is free, and runs `work` with it. This wait says nothing about the server and does not count
 * towards the check's time. After a minute of waiting the caller must try again (`isBusy`). If `work` throws, the connection is closed,
 * which rolls back its transaction. Throws the error of `work`, and RunbookError like `openPostgres`.
 */
export async function withPostgres<T>(
  target: Pick<PostgresTarget, 'connection' | 'address' | 'pool'>,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const connect = async () => {
    try {
      return await target.pool.connect()
    } catch (error) {
      throw postgresConnectError(target, error)
    }
  }
  const release = await outsideLimit(() => slotsOf(target.pool).acquire(SLOT_WAIT_MS))
  if (!release) throw busy(target)
  try {
    return await withClient(() => outsideLimit(connect), work)
  } finally {
    release()
  }
}

function busy({ connection, pool }: Pick<PostgresTarget, 'connection' | 'pool'>): RunbookError {
  const what = `connection ${connection}: all ${pool.options.max} connections of this process are in use (maxConnections)`
  return new RunbookError('RUNBOOK_UNREACHABLE', `${what}; trying again`, { connection, busy: true })
}

/** Whether the error means that the engine itself was busy. Such an error says nothing about the diagnosed system. */
export function isBusy(error: unknown): boolean {
  return isRunbookError(error, 'RUNBOOK_UNREACHABLE') && error.detail.busy === true
}

/**
 * A pool has as many slots as connections, so that `pool.connect` waits only for the server, and its timeout means that
 * the server does not answer.
 */
const slots = new WeakMap<Pool, Slots>()

function slotsOf(pool: Pool): Slots {
  let own = slots.get(pool)
  if (!own) slots.set(pool, (own = new Slots(pool.options.max)))
  return own
}

/**
 * Begins a read-only transaction with limits. The settings are local to it and are not sent with the login: PgBouncer and hosted poolers
 * refuse or drop such settings, and a setting of the session would reach other clients of the pooler.
 */
export function beginReadOnly(statementTimeoutMs: number): string[] {
  const settings = {
    statement_timeout: String(Math.round(statementTimeoutMs)),
    lock_timeout: String(LOCK_TIMEOUT_MS),
    idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    datestyle: "'ISO'",
    // With this setting, PostgreSQL refuses a statement from which row-level security would hide rows, instead of
    // silently leaving the rows out.
    row_security: 'off',
  }
  // oxlint-disable-next-line runbook/sql-text -- constants and a number
  return ['BEGIN READ ONLY', ...Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = ${value}`)]
}
