import type pg from 'pg'
import type { Statement } from './action-implementation.ts'

/** One statement in the extended protocol, also without values: that protocol refuses a second statement after a semicolon. */
export function extendedQuery({ text, values }: Statement): pg.QueryConfig {
  const query: pg.QueryConfig & { queryMode: 'extended' } = { text, values, queryMode: 'extended' }
  return query
}
