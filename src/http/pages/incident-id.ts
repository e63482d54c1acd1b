import type { Context } from 'hono'
import { RunbookError } from '../../core/errors.ts'
import { incidentParams } from '../request-schemas.ts'

/** Reads the id of the incident from the page's address. Throws `RUNBOOK_NOT_FOUND` if the address does not hold the id of an incident. */
export function requireIncidentId(c: Context): string {
  const read = incidentParams.safeParse({ id: c.req.param('id') })
  if (read.success) return read.data.id
  throw new RunbookError(
    'RUNBOOK_NOT_FOUND',
    'this address does not name an incident: it must end with an id such as INC-142',
  )
}
