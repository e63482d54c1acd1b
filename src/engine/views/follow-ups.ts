import type { Queryable } from '../../history/database.ts'
import { readFeedback, readFollowUps, readOpenFollowUps, type FollowUpRow } from '../../history/follow-ups.ts'
import { isoTime } from './iso-time.ts'
import type { FeedbackView, FollowUpView } from './view-types.ts'

/** The maximum number of open follow-ups that a list shows. */
const MAX_OPEN = 200

export function followUpView({ body, person, at, closedAt, ...row }: FollowUpRow): FollowUpView {
  return {
    ...row,
    text: body,
    addedBy: person,
    addedAt: isoTime(at),
    closedAt: closedAt === null ? null : isoTime(closedAt),
  }
}

/** The follow-ups of one incident. Without an incident, the open follow-ups of all incidents; those that are due first come first. */
export async function listFollowUps(db: Queryable, incident?: string): Promise<FollowUpView[]> {
  const rows = incident === undefined ? await readOpenFollowUps(db, MAX_OPEN) : await readFollowUps(db, incident)
  return rows.map(followUpView)
}

export async function listFeedback(db: Queryable, incident: string): Promise<FeedbackView[]> {
  return (await readFeedback(db, incident)).map(({ at, ...row }) => ({ ...row, at: isoTime(at) }))
}
