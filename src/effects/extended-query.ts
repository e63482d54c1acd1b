import type pg from 'pg'
import type { Statement } from './action-implementation.ts'

/**
 * One statement in PostgreSQL's extended protocol, which is used even if there are no values, because it refuses a
 * second statement after a semicolon.
 */
export function extendedQuery({ text, values }: Statement): pg.QueryConfig {
  const query: pg.QueryConfig & { queryMode: 'extended' } = { text, values, queryMode: 'extended' }
  return query
}
