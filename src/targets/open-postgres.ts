import type { PoolClient } from 'pg'
import { watchClient, withClient } from '../core/with-client.ts'
import { scrubSecrets } from '../config/secret.ts'
import type { Secret } from '../config/secret.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { Access, PostgresTarget } from './targets.ts'

const CONNECT_TIMEOUT_MS = 3_000
/** For statements that have no timeout of their own. */
const STATEMENT_TIMEOUT_MS = 30_000
const LOCK_TIMEOUT_MS = 2_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000

/**
 * Opens a pool for one credential, after one successful login. Read sessions are read-only by default: the first protection is the
 * role, this is the second. Throws RunbookError `RUNBOOK_UNREACHABLE`, or `RUNBOOK_CONFIG` when the server refuses the login.
 */
export async function openPostgres(
  connection: string,
  access: Access,
  url: Secret,
  settings: { ledger: 'target' | 'none'; redact: string[] },
): Promise<PostgresTarget> {
  const { connectionString, options, address } = sessionOptions(connection, access, url.reveal())
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString,
    options,
    max: access === 'read' ? 8 : 4,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
    application_name: `runbook ${connection} ${access}`,
  })
  // When the server stops, idle connections break. The next use opens a new one, or fails with the reason.
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
 * Runs `work` with a client of the pool. When `work` throws, the client is closed, and with it everything that it had begun. Throws
 * the error of `work`, and RunbookError as `openPostgres` does.
 */
export async function withPostgres<T>(
  target: Pick<PostgresTarget, 'connection' | 'address' | 'pool'>,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const connect = () =>
    target.pool.connect().catch((error: unknown) => {
      throw connectError(target, error)
    })
  return withClient(connect, work)
}

function connectError(target: { connection: string; address: string }, error: unknown): RunbookError {
  const code = (error as { code?: unknown }).code
  const why = scrubSecrets(messageOf(error))
  const what = `connection ${target.connection}: PostgreSQL at ${target.address}`
  const detail = { connection: target.connection, address: target.address }
  // SQLSTATE classes 28 (authorization) and 3D (no such database): the server answers, so the configuration must change.
  if (typeof code === 'string' && /^(28|3D)/.test(code))
    return new RunbookError('RUNBOOK_CONFIG', `${what} refuses the login: ${why}`, detail, error)
  return new RunbookError('RUNBOOK_UNREACHABLE', `${what} does not answer: ${why}`, detail, error)
}

/** Moves the URL's `options` to ours: in the URL, they would replace them. */
function sessionOptions(connection: string, access: Access, text: string) {
  if (!URL.canParse(text))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `connection ${connection} (${access}): the value is not a postgres:// address`,
    )
  const url = new URL(text)
  const own = url.searchParams.get('options') ?? ''
  url.searchParams.delete('options')
  const host = url.searchParams.get('host') ?? (url.hostname || 'localhost')
  const address = `${host}:${url.searchParams.get('port') ?? (url.port || '5432')}${url.pathname}`
  const settings = {
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    datestyle: 'ISO',
    ...(access === 'read' ? { default_transaction_read_only: 'on' } : {}),
  }
  const options = [own, ...Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)].join(' ').trim()
  return { connectionString: url.toString(), options, address }
}
