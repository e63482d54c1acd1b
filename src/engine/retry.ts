import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Accepted } from '../history/accept.ts'
import { readIncident } from '../history/incidents.ts'
import { recordEvents } from '../history/record.ts'
import type { Engine } from './engine.ts'
import { trigger } from './trigger.ts'

/**
 * Opens a closed incident's successor: the same type and inputs, by today's runbook, linked to it. Joins the one that is open under
 * the same key, should there be one. Throws `RUNBOOK_CONFLICT` for an incident that is open.
 */
export async function retryIncident(engine: Engine, person: Person, id: string): Promise<Accepted> {
  const { type, inputs, closedAt } = await readIncident(engine.database, id)
  if (!closedAt)
    throw new RunbookError('RUNBOOK_CONFLICT', `${id} is still open: "runbook cancel ${id}" would end it first`)
  const requester = `person:${person.name}`
  const accepted = await trigger(engine, { type, inputs, requester, parent: id })
  const { incident, created } = accepted
  await recordEvents(engine.database, id, [{ actor: requester, kind: 'retried', data: { incident, created } }])
  return accepted
}
