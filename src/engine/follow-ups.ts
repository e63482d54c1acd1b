import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { lockIncident } from '../gate/gates.ts'
import { transaction } from '../history/database.ts'
import { closeFollowUpRow, insertFollowUp, readFeedback, readFollowUps } from '../history/follow-ups.ts'
import { recordEvents } from '../history/record.ts'
import type { Engine } from './engine.ts'
import { requireBelowLimit } from './incident-actions.ts'
import type { FeedbackRequest, FollowUpRequest } from './requests.ts'
import { followUpView } from './views/follow-ups.ts'
import type { FollowUpView } from './views/view-types.ts'

/**
 * Adds a follow-up to an open or closed incident. If the same follow-up is already open, for example because a form was sent twice, that
 * follow-up is returned. Throws `RUNBOOK_NOT_FOUND`.
 */
export async function addFollowUp(
  engine: Engine,
  person: Person,
  incident: string,
  { text: body, owner, due: wanted }: FollowUpRequest,
): Promise<FollowUpView> {
  const due = wanted ?? null
  return transaction(engine.database, async (connection) => {
    await lockIncident(connection, incident)
    const same = (await readFollowUps(connection, incident)).find(
      (one) => one.closedAt === null && one.body === body && one.owner === owner && one.due === due,
    )
    if (same) return followUpView(same)
    await requireBelowLimit(connection, engine, incident, person, 'changes of follow-ups')
    const row = await insertFollowUp(connection, { incident, body, owner, due, person: person.name })
    const data = { number: row.number, body, owner, due }
    await recordEvents(connection, incident, [{ actor: `person:${person.name}`, kind: 'follow-up', data }])
    return followUpView(row)
  })
}

/** Closes a follow-up. Throws `RUNBOOK_NOT_FOUND`, and `RUNBOOK_CONFLICT` if it is already closed. */
export async function closeFollowUp(
  engine: Engine,
  person: Person,
  incident: string,
  { number, result }: { number: number; result: string },
): Promise<FollowUpView> {
  return transaction(engine.database, async (connection) => {
    await lockIncident(connection, incident)
    await requireBelowLimit(connection, engine, incident, person, 'changes of follow-ups')
    const row = await closeFollowUpRow(connection, { incident, number, person: person.name, result })
    if (!row) throw await notOpen(connection, incident, number)
    const data = { number, result }
    await recordEvents(connection, incident, [{ actor: `person:${person.name}`, kind: 'follow-up-closed', data }])
    return followUpView(row)
  })
}

async function notOpen(db: Parameters<typeof readFollowUps>[0], incident: string, number: number): Promise<Error> {
  const found = (await readFollowUps(db, incident)).find((one) => one.number === number)
  if (!found)
    return new RunbookError(
      'RUNBOOK_NOT_FOUND',
      `${incident} has no follow-up ${number}; "runbook follow-up list ${incident}" lists them`,
    )
  return new RunbookError(
    'RUNBOOK_CONFLICT',
    `${found.closedBy} has closed follow-up ${number} of ${incident} already: ${found.result}`,
  )
}

/**
 * Records whether the runbook helped. The last answer of a person counts; the same answer again changes nothing. Throws `RUNBOOK_NOT_FOUND`.
 */
export async function giveFeedback(
  engine: Engine,
  person: Person,
  incident: string,
  { helped, comment }: FeedbackRequest,
): Promise<void> {
  await transaction(engine.database, async (connection) => {
    await lockIncident(connection, incident)
    const last = (await readFeedback(connection, incident)).find((one) => one.person === person.name)
    if (last?.helped === helped && last.comment === (comment ?? null)) return
    await requireBelowLimit(connection, engine, incident, person, 'answers')
    await connection.query('INSERT INTO runbook.feedback (incident, person, helped, comment) VALUES ($1, $2, $3, $4)', [
      incident,
      person.name,
      helped,
      comment ?? null,
    ])
    const data = defined({ helped, comment })
    await recordEvents(connection, incident, [{ actor: `person:${person.name}`, kind: 'feedback', data }])
  })
}
