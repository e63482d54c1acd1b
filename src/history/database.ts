import pg from 'pg'
import { ASK_DOCTOR } from '../core/doctor-finding.ts'
import { messageOf, RunbookError } from '../core/errors.ts'

export type Database = pg.Pool
export type Connection = pg.PoolClient
/** What runs a single statement: a pool, or a connection inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>

export interface DatabaseOptions {
  max?: number
  name?: string
  /** A statement that is not answered by then fails, in milliseconds: for those whose caller waits no longer either. */
  answerMs?: number
}

/** Opens the engine's database as the application role. Connections are made when needed. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.name ?? 'runbook',
    connectionTimeoutMillis: Math.min(options.answerMs ?? CONNECT_MS, CONNECT_MS),
    keepAlive: true,
    ...(options.answerMs === undefined ? {} : { query_timeout: options.answerMs }),
  })
  // An idle connection that breaks is replaced at its next use; without a listener the process would end.
  pool.on('error', () => {})
  // And one that breaks just as it is handed over has nobody else who listens yet.
  pool.on('connect', (connection) => connection.on('error', () => lost.add(connection)))
  return pool
}

const CONNECT_MS = 5_000

/** Connections that broke, whoever was listening. */
const lost = new WeakSet<object>()

/** Runs `work` in one transaction: commits its result, or rolls back and rethrows. */
export async function transaction<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return inTransaction(database, 'BEGIN', work)
}

/** Runs several reads that see the database at one moment: what is read of an incident that moves on must fit together. */
export async function snapshot<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return inTransaction(database, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', work)
}

async function inTransaction<T>(
  database: Database,
  begin: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  return lent(database, async (connection, spoil) => {
    try {
      await connection.query(begin)
      const result = await work(connection)
      await connection.query('COMMIT')
      return result
    } catch (error) {
      // What is not answered would leave this unanswered too; the server takes all back when the connection ends.
      if (isUnanswered(error)) spoil(error)
      else await connection.query('ROLLBACK').catch(spoil)
      throw error
    }
  })
}

/** Runs `work`, which is a single statement and so a transaction by itself. */
export async function statement<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return lent(database, work)
}

async function lent<T>(
  database: Database,
  work: (connection: Connection, spoil: (error: Error) => void) => Promise<T>,
): Promise<T> {
  const connection = await database.connect().catch((error: unknown) => {
    throw unreachable(error)
  })
  let broken: Error | undefined
  const spoil = (error: Error) => {
    broken = error
  }
  // The pool listens to idle connections only: one that breaks in use would end the process.
  connection.on('error', spoil)
  try {
    return await work(connection, spoil)
  } catch (error) {
    if (isUnanswered(error)) spoil(error)
    const gone = broken ?? lost.has(connection)
    throw gone && !(error instanceof RunbookError) ? unreachable(error) : error
  } finally {
    connection.removeListener('error', spoil)
    connection.release(broken)
  }
}

/** A statement that had no answer in time (`answerMs`), as node-pg says it. */
export function isUnanswered(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout'
}

export function unreachable(error: unknown): RunbookError {
  if (error instanceof RunbookError) return error
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the engine's database does not answer: ${isUnanswered(error) ? 'it is silent' : messageOf(error)}${ASK_DOCTOR}`,
    {},
    error,
  )
}
