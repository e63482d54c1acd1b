import type { Queryable } from '../../history/database.ts'
import { readFeedback, readFollowUps, readOpenFollowUps, type FollowUpRow } from '../../history/follow-ups.ts'
import type { VisiblePlans } from '../visible.ts'
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

/** The follow-ups of one incident. */
export async function listFollowUps(db: Queryable, incident: string): Promise<FollowUpView[]> {
  return (await readFollowUps(db, incident)).map(followUpView)
}

/** The open follow-ups of all incidents that the reader may see; those that are due first come first. */
export async function listOpenFollowUps(db: Queryable, plans: VisiblePlans): Promise<FollowUpView[]> {
  return (await readOpenFollowUps(db, plans, MAX_OPEN)).map(followUpView)
}

export async function listFeedback(db: Queryable, incident: string): Promise<FeedbackView[]> {
  return (await readFeedback(db, incident)).map(({ at, ...row }) => ({ ...row, at: isoTime(at) }))
}
