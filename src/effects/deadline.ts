import type pg from 'pg'
import type { GuardedWrite, Statement } from './action-implementation.ts'

type Target = Pick<pg.Pool, 'query'>

/** The time `ms` milliseconds from now on the target's clock, as text with microseconds. */
export async function deadlineIn(target: Target, ms: number): Promise<string> {
  const found = await target.query<{ deadline: string }>(
    `SELECT (pg_catalog.clock_timestamp() + $1 * interval '1 millisecond')::text AS deadline`,
    [ms],
  )
  return found.rows[0]!.deadline
}

export async function isPast(target: Target, deadline: string): Promise<boolean> {
  const found = await target.query<{ past: boolean }>(
    'SELECT pg_catalog.clock_timestamp() >= $1::timestamptz AS past',
    [deadline],
  )
  return found.rows[0]!.past
}

/** Appends the deadline to a statement that ends in its WHERE clause: after the deadline it matches no row. */
export function boundedBy(deadline: string, { update, endsInWhere }: GuardedWrite): Statement {
  if (!endsInWhere) return update
  const { text, values } = update
  return {
    text: `${text} AND pg_catalog.clock_timestamp() < $${values.length + 1}::timestamptz`,
    values: [...values, deadline],
  }
}
