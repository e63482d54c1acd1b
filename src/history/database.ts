import pg from 'pg'
import { defined } from '../core/defined.ts'
import { ASK_DOCTOR } from '../core/doctor-finding.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { isBroken, watchClient, withClient } from '../core/with-client.ts'

export type Database = pg.Pool
export type Connection = pg.PoolClient
/** Runs a single statement: a pool, or a connection inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>

export interface DatabaseOptions {
  max?: number
  name?: string
  /** A statement without an answer after this many milliseconds fails. For callers that wait no longer themselves. */
  answerMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000

/** Opens the engine's database as the application role. Connections are made when needed. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.name ?? 'runbook',
    connectionTimeoutMillis: Math.min(options.answerMs ?? CONNECT_TIMEOUT_MS, CONNECT_TIMEOUT_MS),
    keepAlive: true,
    ...defined({ query_timeout: options.answerMs }),
  })
  // The pool replaces an idle connection that breaks. Without a listener, the event would end the process.
  pool.on('error', () => {})
  pool.on('connect', watchClient)
  return pool
}

/** Runs `work` in one transaction: commits its result, or rolls back and rethrows. */
export async function transaction<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return inTransaction(database, 'BEGIN', work)
}

/** Runs several reads that see the database at one moment, so that what they read of a changing incident is consistent. */
export async function snapshot<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return inTransaction(database, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', work)
}

async function inTransaction<T>(
  database: Database,
  begin: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const committed = async (connection: Connection) => {
    await connection.query(begin)
    const result = await work(connection)
    await connection.query('COMMIT')
    return result
  }
  return onConnection(database, committed, rollBack)
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

/** `cleanUp` runs when `work` failed, and returns whether the connection can be used again. */
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
  // A connection that did not answer would not answer a ROLLBACK either: closing it makes the server roll back.
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

/** Whether a statement had no answer within `answerMs`: node-pg's own error. */
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
