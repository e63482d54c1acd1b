import type { PoolClient } from 'pg'
import { scrubSecrets } from '../config/secret.ts'
import type { Secret } from '../config/secret.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { Access, PostgresTarget } from './targets.ts'

const CONNECT_MS = 3_000
/** Beneath any check's own timeout, for what is run without one. */
const STATEMENT_MS = 30_000
const LOCK_MS = 2_000
const IDLE_IN_TRANSACTION_MS = 15_000

/**
 * A pool for one credential, after one successful login. Read sessions are read-only by default: a second net, the role being the
 * first. Throws RunbookError `RUNBOOK_UNREACHABLE`, or `RUNBOOK_CONFIG` when the server refuses the login.
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
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
    application_name: `runbook ${connection} ${access}`,
  })
  // A server that goes away takes idle connections with it; the next check-out opens a new one or says why not.
  pool.on('error', () => {})
  // And one that breaks just as it is handed over has nobody else who listens yet: its first statement says that it is gone.
  pool.on('connect', (client) => client.on('error', () => {}))
  const target = { connection, address, pool, ledger: settings.ledger, redact: settings.redact }
  try {
    ;(await connectPostgres(target)).release()
  } catch (error) {
    await pool.end()
    throw error
  }
  return target
}

/** A client of the pool; the caller releases it. Throws RunbookError as `openPostgres` does. */
export async function connectPostgres(
  target: Pick<PostgresTarget, 'connection' | 'address' | 'pool'>,
): Promise<PoolClient> {
  try {
    return await target.pool.connect()
  } catch (error) {
    throw connectError(target, error)
  }
}

function connectError(target: { connection: string; address: string }, error: unknown): RunbookError {
  const code = (error as { code?: unknown }).code
  const why = scrubSecrets(messageOf(error))
  const what = `connection ${target.connection}: PostgreSQL at ${target.address}`
  const detail = { connection: target.connection, address: target.address }
  // Classes 28 (authorization) and 3D (no such database): the server answers, the configuration is wrong.
  if (typeof code === 'string' && /^(28|3D)/.test(code))
    return new RunbookError('RUNBOOK_CONFIG', `${what} refuses the login: ${why}`, detail, error)
  return new RunbookError('RUNBOOK_UNREACHABLE', `${what} does not answer: ${why}`, detail, error)
}

/** The URL without its own `options`, which would replace ours instead of joining them. */
function sessionOptions(connection: string, access: Access, text: string) {
  if (!URL.canParse(text))
    throw new RunbookError('RUNBOOK_CONFIG', `connection ${connection} (${access}): not a postgres:// address`)
  const url = new URL(text)
  const own = url.searchParams.get('options') ?? ''
  url.searchParams.delete('options')
  const host = url.searchParams.get('host') ?? (url.hostname || 'localhost')
  const address = `${host}:${url.searchParams.get('port') ?? (url.port || '5432')}${url.pathname}`
  const settings = {
    statement_timeout: STATEMENT_MS,
    lock_timeout: LOCK_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    datestyle: 'ISO',
    ...(access === 'read' ? { default_transaction_read_only: 'on' } : {}),
  }
  const options = [own, ...Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)].join(' ').trim()
  return { connectionString: url.toString(), options, address }
}
