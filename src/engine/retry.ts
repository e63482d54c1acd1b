import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Accepted } from '../history/accept.ts'
import { transaction } from '../history/database.ts'
import { readableInputs, readIncident } from '../history/incidents.ts'
import { recordEvents } from '../history/record.ts'
import type { Engine } from './engine.ts'
import { requireBelowLimit } from './incident-actions.ts'
import { triggerAs } from './visible.ts'

/**
 * Opens an incident that is linked to a closed one and has the same type and inputs. It uses the present version of the runbook. If another
 * incident is open under the same key, that incident is joined. Throws `RUNBOOK_CONFLICT` if the incident to retry is still open.
 */
export async function retryIncident(engine: Engine, person: Person, id: string): Promise<Accepted> {
  const { type, inputs, closedAt } = await readIncident(engine.database, id)
  if (!closedAt)
    throw new RunbookError('RUNBOOK_CONFLICT', `${id} is still open: cancel it first with "runbook cancel ${id}"`)
  // Each retry is an event of the closed incident, even if it only joins an incident that is open.
  await transaction(engine.database, (connection) => requireBelowLimit(connection, engine, id, person, 'retries'))
  const requester = `person:${person.name}`
  const accepted = await triggerAs(engine, person, { type, inputs: readableInputs(id, inputs), parent: id })
  const { incident, created } = accepted
  await recordEvents(engine.database, id, [{ actor: requester, kind: 'retried', data: { incident, created } }])
  return accepted
}
