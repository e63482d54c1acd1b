import pg from 'pg'
import { MaestroError, messageOf } from '../errors.ts'

/** Opens a pool on Maestro's database. `name` appears as `pg_stat_activity.application_name`. */
export function openDatabase(url: string, name: string, max = 4): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, application_name: name, max, connectionTimeoutMillis: 5000 })
  // Without a listener, an idle connection that the server closes would crash the process. The next query opens a new one.
  pool.on('error', () => {})
  // A connection that is checked out but idle needs a listener too. Its next statement fails instead of the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** @throws MaestroError with the address of the database if it does not answer. */
export async function checkDatabase(pool: pg.Pool, url: string): Promise<void> {
  try {
    await pool.query('SELECT 1')
  } catch (error) {
    const { host, pathname } = new URL(url)
    throw new MaestroError('failed', `database ${host}${pathname} does not answer: ${messageOf(error)}`, error)
  }
}

export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    client.release()
    return result
  } catch (error) {
    // If ROLLBACK fails, the connection's state is unknown, so the pool must discard it.
    const rollbackError = await client.query('ROLLBACK').then(
      () => undefined,
      (failure: Error) => failure,
    )
    client.release(rollbackError)
    throw error
  }
}
