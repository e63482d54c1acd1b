import type { Helped } from '../core/follow-up.ts'
import type { Queryable } from './database.ts'

export interface FollowUpRow {
  incident: string
  number: number
  body: string
  owner: string
  /** When the follow-up is due: a date such as `2026-03-31`. */
  due: string | null
  person: string
  at: Date
  closedBy: string | null
  closedAt: Date | null
  result: string | null
}

const COLUMNS = `incident, number, body, owner, to_char(due, 'YYYY-MM-DD') AS due, person, at, closed_by AS "closedBy",
  closed_at AS "closedAt", result`

/** Stores a follow-up. The caller holds the lock of the incident, so that no number is given twice. */
export async function insertFollowUp(
  db: Queryable,
  { incident, body, owner, due, person }: Pick<FollowUpRow, 'incident' | 'body' | 'owner' | 'due' | 'person'>,
): Promise<FollowUpRow> {
  const stored = await db.query<FollowUpRow>(
    `INSERT INTO runbook.follow_ups (incident, number, body, owner, due, person)
     SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5 FROM runbook.follow_ups WHERE incident = $1 RETURNING ${COLUMNS}`,
    [incident, body, owner, due, person],
  )
  return stored.rows[0]!
}

/** Closes a follow-up. Returns undefined if it is already closed or does not exist. */
export async function closeFollowUpRow(
  db: Queryable,
  { incident, number, person, result }: { incident: string; number: number; person: string; result: string },
): Promise<FollowUpRow | undefined> {
  const closed = await db.query<FollowUpRow>(
    `UPDATE runbook.follow_ups SET closed_by = $3, closed_at = clock_timestamp(), result = $4
     WHERE incident = $1 AND number = $2 AND closed_at IS NULL RETURNING ${COLUMNS}`,
    [incident, number, person, result],
  )
  return closed.rows[0]
}

/** The follow-ups of an incident, in the order in which they were added. */
export async function readFollowUps(db: Queryable, incident: string): Promise<FollowUpRow[]> {
  const found = await db.query<FollowUpRow>(
    `SELECT ${COLUMNS} FROM runbook.follow_ups WHERE incident = $1 ORDER BY number`,
    [incident],
  )
  return found.rows
}

/**
 * The open follow-ups of all incidents, or only of incidents with these plans. Those that are due first come first, and those without a
 * date come last.
 */
export async function readOpenFollowUps(db: Queryable, plans: string[] | null, limit: number): Promise<FollowUpRow[]> {
  const found = await db.query<FollowUpRow>(
    `SELECT ${COLUMNS} FROM runbook.follow_ups WHERE closed_at IS NULL
       AND ($2::text[] IS NULL OR incident IN (SELECT id FROM runbook.incidents WHERE plan_digest = ANY ($2)))
     ORDER BY follow_ups.due, incident, number LIMIT $1`,
    [limit, plans],
  )
  return found.rows
}

export interface FeedbackRow {
  person: string
  helped: Helped
  comment: string | null
  at: Date
}

/** The last answer of each person. */
export async function readFeedback(db: Queryable, incident: string): Promise<FeedbackRow[]> {
  const found = await db.query<FeedbackRow>(
    `SELECT DISTINCT ON (person) person, helped, comment, at FROM runbook.feedback WHERE incident = $1
     ORDER BY person, number DESC`,
    [incident],
  )
  return found.rows
}
