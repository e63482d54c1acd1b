import { snapshot, type Database, type Queryable } from '../history/database.ts'
import { verifyChain } from '../history/chain.ts'
import { readEvents } from '../history/incidents.ts'
import { readAllEvidence } from './evidence.ts'
import { incidentView } from './show.ts'
import { timelineEntry } from './timeline.ts'
import type { Review } from './views.ts'

/** Everything about an incident, read from the engine's database alone: complete when Temporal's history is gone. */
export async function reviewIncident(database: Database, id: string): Promise<Review> {
  return snapshot(database, (db) => review(db, id))
}

async function review(db: Queryable, id: string): Promise<Review> {
  const incident = await incidentView(db, id)
  const since = (at: string | null) => (at === null ? null : Date.parse(at) - Date.parse(incident.openedAt))
  const notes = await db.query<{ person: string; body: string; at: Date }>(
    'SELECT person, body, at FROM runbook.notes WHERE incident = $1 ORDER BY number',
    [id],
  )
  const faults = await verifyChain(db, id)
  return {
    incident,
    timeline: (await readEvents(db, id)).map(timelineEntry),
    evidence: await readAllEvidence(db, id),
    notes: notes.rows.map((row) => ({ ...row, at: row.at.toISOString() })),
    timeToAcknowledgeMs: since(incident.acknowledgedAt),
    timeToResolveMs: incident.outcome === 'resolved' ? since(incident.closedAt) : null,
    chainFaults: faults.map((fault) => `event ${fault.seq}: ${fault.what}`),
  }
}
