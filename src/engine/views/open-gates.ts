import { readUndecidedGates } from '../../gate/gates.ts'
import { snapshot, type Database, type Queryable } from '../../history/database.ts'
import { readIncident } from '../../history/incidents.ts'
import type { VisiblePlans } from '../visible.ts'
import { summaryOf } from './list.ts'
import { gateView } from './show.ts'
import type { OpenGate } from './view-types.ts'

/** The maximum length of the list of open gates. Further gates are shown with their incidents. */
const MAX_GATES = 200

/** At most 200 gates of open incidents that wait for decisions and that the reader may see, newest first. `unreadable` has the ids of the gates that cannot be shown. */
export async function openGates(
  database: Database,
  plans: VisiblePlans,
): Promise<{ gates: OpenGate[]; unreadable: string[] }> {
  return snapshot(database, (db) => readWaiting(db, plans))
}

async function readWaiting(db: Queryable, plans: VisiblePlans): Promise<{ gates: OpenGate[]; unreadable: string[] }> {
  const waiting: OpenGate[] = []
  const { gates, unreadable } = await readUndecidedGates(db, 'open', plans, MAX_GATES)
  for (const row of gates) {
    const found = await readIncident(db, row.incident)
    const { id: incident, type, openedAt, acknowledgedBy } = summaryOf(found)
    waiting.push({ incident, type, openedAt, acknowledgedBy, gate: await gateView(db, found, row) })
  }
  return { gates: waiting, unreadable }
}
