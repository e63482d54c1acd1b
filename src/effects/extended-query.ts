import type pg from 'pg'
import type { Statement } from './action-implementation.ts'

/** One statement in the extended protocol, which takes no second one behind a semicolon, also where there are no values. */
export function extendedQuery({ text, values }: Statement): pg.QueryConfig {
  const query: pg.QueryConfig & { queryMode: 'extended' } = { text, values, queryMode: 'extended' }
  return query
}
