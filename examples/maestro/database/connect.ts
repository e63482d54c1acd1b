import pg from 'pg'
import { MaestroError, messageOf } from '../errors.ts'

/** A pool on Maestro's database. `name` is what `pg_stat_activity.application_name` shows. */
export function openDatabase(url: string, name: string, max = 4): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, application_name: name, max, connectionTimeoutMillis: 5000 })
  // An idle connection that the server closes must not end the process; the next query opens another one.
  pool.on('error', () => {})
  // Nor one that is closed while it is lent and says nothing: its next statement fails.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** @throws MaestroError that says which address does not answer. */
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
    // A connection whose ROLLBACK fails is in an unknown state: let the pool throw it away.
    const broken = await client.query('ROLLBACK').then(
      () => undefined,
      (rollback: Error) => rollback,
    )
    client.release(broken)
    throw error
  }
}
