import { snapshot, type Database, type Queryable } from '../../history/database.ts'
import { verifyChain } from '../../history/chain.ts'
import { readEvents } from '../../history/incidents.ts'
import { readAllEvidence } from './evidence.ts'
import { incidentView } from './show.ts'
import { timelineEntry } from './timeline.ts'
import type { Review, TimelineEntry } from './view-types.ts'

/** Everything about an incident, from the engine's database alone: complete also after Temporal deleted its history. */
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
  const timeline = (await readEvents(db, id)).map(timelineEntry)
  return {
    incident,
    timeline,
    evidence: await readAllEvidence(db, id),
    notes: notes.rows.map((row) => ({ ...row, at: row.at.toISOString() })),
    timeToAcknowledgeMs: since(acknowledgement(timeline)?.at ?? null),
    timeToResolveMs: incident.outcome === 'resolved' ? since(incident.closedAt) : null,
    chainFaults: faults.map((fault) => `event ${fault.seq}: ${fault.what}`),
  }
}

const ACTION_BY_KIND: Record<string, string> = {
  acknowledged: 'acknowledged it',
  claimed: 'claimed it',
  decision: 'decided',
}

/** The first action of a person that shows that they have seen the incident: acknowledge, claim or decide. */
export function acknowledgement(timeline: TimelineEntry[]): { at: string; person: string; how: string } | undefined {
  const first = timeline.find(({ kind, actor }) => Object.hasOwn(ACTION_BY_KIND, kind) && actor.startsWith('person:'))
  return first && { at: first.at, person: first.actor.replace('person:', ''), how: ACTION_BY_KIND[first.kind]! }
}
