import { isRunbookError } from '../../core/errors.ts'
import type { ParsedEvent } from '../../core/events.ts'
import { parseEvent } from '../../core/parse-event.ts'
import { readGate, type GateRow } from '../../gate/gates.ts'
import type { Queryable } from '../../history/database.ts'

/** Reads the event at a place. */
export async function readEventAt(db: Queryable, incident: string, place: string): Promise<ParsedEvent | undefined> {
  const found = await db.query<{ body: string }>('SELECT body FROM runbook.events WHERE incident = $1 AND place = $2', [
    incident,
    place,
  ])
  return found.rows[0] && parseEvent(found.rows[0].body)
}

/** Reads a gate. Undefined if it does not exist, or if its proposal was changed so that it cannot be read. */
export async function gateOf(db: Queryable, id: string): Promise<GateRow | undefined> {
  try {
    return await readGate(db, id)
  } catch (error) {
    if (isRunbookError(error, 'RUNBOOK_REFUSED') || isRunbookError(error, 'RUNBOOK_NOT_FOUND')) return undefined
    throw error
  }
}
