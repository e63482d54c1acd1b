import { readOpenGates } from '../../gate/gates.ts'
import { snapshot, type Database } from '../../history/database.ts'
import { readIncident } from '../../history/incidents.ts'
import { summaryOf } from './list.ts'
import { gateView } from './show.ts'
import type { OpenGate } from './view-types.ts'

/** Gates beyond this limit are still shown with their incidents. */
const MAX_GATES = 200

/** Gates of open incidents that wait for decisions, newest first; at most 200. */
export async function openGates(database: Database): Promise<OpenGate[]> {
  return snapshot(database, async (db) => {
    const waiting: OpenGate[] = []
    for (const row of await readOpenGates(db, MAX_GATES)) {
      const found = await readIncident(db, row.incident)
      const { id: incident, type, openedAt, acknowledgedBy } = summaryOf(found)
      waiting.push({ incident, type, openedAt, acknowledgedBy, gate: await gateView(db, found, row) })
    }
    return waiting
  })
}
