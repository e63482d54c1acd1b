import pg from 'pg'
import { ASK_DOCTOR } from '../core/doctor-finding.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { isBroken, watchClient, withClient } from '../core/with-client.ts'

export type Database = pg.Pool
export type Connection = pg.PoolClient
/** Something that runs a single statement: a pool, or a connection inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>

export interface DatabaseOptions {
  max?: number
  name?: string
  /** A statement that has no answer after this many milliseconds fails, both in this process and on the server. Default: 20,000. */
  answerMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 20_000
/** After this time without traffic, TCP checks whether the other host still exists. */
const KEEP_ALIVE_DELAY_MS = 10_000
const LOCK_TIMEOUT_MS = 5_000
/** How long a process may stop between two statements while it holds locks. */
const IDLE_TIMEOUT_MS = 10_000
/** A snapshot may pause for longer, because it holds no locks that others wait for. */
const SNAPSHOT_IDLE_TIMEOUT_MS = 60_000

const answerTimeouts = new WeakMap<Database, number>()

/** Opens the engine's database as the application role. Connections are opened when they are needed. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const answerMs = options.answerMs ?? ANSWER_TIMEOUT_MS
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.name ?? 'runbook',
    connectionTimeoutMillis: Math.min(answerMs, CONNECT_TIMEOUT_MS),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    query_timeout: answerMs,
  })
  answerTimeouts.set(pool, answerMs)
  // The pool replaces an idle connection that breaks. Without a listener, the event would end the process.
  pool.on('error', () => {})
  pool.on('connect', watchClient)
  return pool
}

/** Runs `work` in one transaction: commits its result, or rolls back and rethrows. */
export async function transaction<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return inTransaction(database, 'BEGIN', IDLE_TIMEOUT_MS, work)
}

/** Runs several reads in one snapshot of the database, so that their results about a changing incident agree. */
export async function snapshot<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return inTransaction(database, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', SNAPSHOT_IDLE_TIMEOUT_MS, work)
}

async function inTransaction<T>(
  database: Database,
  begin: string,
  idleMs: number,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const committed = async (connection: Connection) => {
    // oxlint-disable-next-line runbook/sql-text -- constants of this file
    await connection.query(`${begin}; ${limits(answerTimeouts.get(database) ?? ANSWER_TIMEOUT_MS, idleMs)}`)
    const result = await work(connection)
    await connection.query('COMMIT')
    return result
  }
  return onConnection(database, committed, rollBack)
}

/**
 * The server's own limits for one transaction: a process that stops, or whose host vanishes, must not keep its locks. They are set for
 * the transaction only, so that a connection pooler (PgBouncer) does not pass them on to another client.
 */
export function limits(answerMs: number, idleMs = IDLE_TIMEOUT_MS, lockMs = LOCK_TIMEOUT_MS): string {
  const settings = {
    statement_timeout: answerMs,
    lock_timeout: Math.min(lockMs, answerMs),
    idle_in_transaction_session_timeout: idleMs,
  }
  return (
    Object.entries(settings)
      // oxlint-disable-next-line runbook/sql-text -- constants of this file and numbers
      .map(([name, value]) => `SET LOCAL ${name} = ${value}`)
      .join('; ')
  )
}

/** The time of the database's clock: the clocks of several processes may differ. */
export async function readNow(db: Queryable): Promise<Date> {
  const found = await db.query<{ now: Date }>('SELECT clock_timestamp() AS now')
  return found.rows[0]!.now
}

async function rollBack(connection: Connection): Promise<boolean> {
  return connection.query('ROLLBACK').then(
    () => true,
    () => false,
  )
}

/** Runs `work`, which is a single statement and so a transaction by itself. */
export async function statement<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return onConnection(database, work, () => true)
}

/** Runs `work` on a connection of the pool. If `work` fails, `cleanUp` is called; it returns whether the connection can be used again. */
async function onConnection<T>(
  database: Database,
  work: (connection: Connection) => Promise<T>,
  cleanUp: (connection: Connection) => boolean | Promise<boolean>,
): Promise<T> {
  const connect = () =>
    database.connect().catch((error: unknown) => {
      throw unreachable(error)
    })
  let isLost = false
  // A connection that did not answer would not answer a ROLLBACK either. Closing it makes the server roll back.
  const isReusable = async (connection: Connection, error: unknown) => {
    isLost = isUnanswered(error) || !(await cleanUp(connection)) || isBroken(connection)
    return !isLost
  }
  try {
    return await withClient(connect, work, isReusable)
  } catch (error) {
    throw isLost ? unreachable(error) : error
  }
}

/** Whether this is node-pg's error for a statement that had no answer within `answerMs`. */
export function isUnanswered(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout'
}

export function unreachable(error: unknown): RunbookError {
  if (error instanceof RunbookError) return error
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the engine's database does not answer: ${isUnanswered(error) ? 'query timed out' : messageOf(error)}${ASK_DOCTOR}`,
    {},
    error,
  )
}
