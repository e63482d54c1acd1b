import type { StoredEventOf } from '../../core/events.ts'
import type { Queryable } from '../../history/database.ts'
import { readFollowUps } from '../../history/follow-ups.ts'
import { compareInOrder, differing, isNear, orNull, personOf, type Recorded } from './recorded.ts'

/** Compares the follow-ups of an incident with the events that added and closed them. */
export async function followUpFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const rows = await readFollowUps(db, incident)
  const added = events.filter((event) => event.kind === 'follow-up')
  for (const { number } of rows)
    if (!added.some(({ data }) => data.number === number)) fault(`follow-up ${number} has no event`)
  for (const event of added) {
    const { number, body, owner, due } = event.data
    const row = rows.find((one) => one.number === number)
    const closed = events.filter((one) => one.kind === 'follow-up-closed').find((one) => one.data.number === number)
    const expected = {
      ...{ body, owner, due, person: personOf(event.actor) },
      closedBy: closed ? personOf(closed.actor) : null,
      result: orNull(closed?.data.result),
    }
    const same = row !== undefined && differing(row, expected).length === 0
    if (!same || !isNear(row.at, event.at) || !isNear(row.closedAt, closed?.at))
      fault(`follow-up ${number} differs from its events`, event.seq)
  }
}

/** Compares the answers of people with their events, in the order in which they were written. */
export async function feedbackFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const rows = await db.query<{ person: string; helped: string; comment: string | null; at: Date }>(
    'SELECT person, helped, comment, at FROM runbook.feedback WHERE incident = $1 ORDER BY number',
    [incident],
  )
  const recorded = events.filter((event) => event.kind === 'feedback')
  const expected = ({ actor, data: { helped, comment } }: StoredEventOf<'feedback'>) => ({
    person: personOf(actor),
    helped,
    comment: orNull(comment),
  })
  compareInOrder(rows.rows, recorded, expected, { one: 'answer', many: 'answers' }, fault)
}
