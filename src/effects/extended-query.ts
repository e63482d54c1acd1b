import type pg from 'pg'
import type { Statement } from './action-implementation.ts'

/**
 * Runs one statement in PostgreSQL's extended protocol. The protocol is used even without values, because it refuses a second statement
 * after a semicolon.
 */
export function extendedQuery({ text, values }: Statement): pg.QueryConfig {
  const query: pg.QueryConfig & { queryMode: 'extended' } = { text, values, queryMode: 'extended' }
  return query
}
