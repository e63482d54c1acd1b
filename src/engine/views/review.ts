import { snapshot, type Database, type Queryable } from '../../history/database.ts'
import { verifyChain } from '../../history/chain.ts'
import { readEventsInBatches } from '../../history/incidents.ts'
import type { VisiblePlans } from '../visible.ts'
import { deviationOf } from './deviations.ts'
import { listEvidence, readEvidenceInBatches, type EvidenceEntry } from './evidence.ts'
import { listFeedback, listFollowUps } from './follow-ups.ts'
import { incidentGraph, type Graph } from './graph.ts'
import { isoTime } from './iso-time.ts'
import { recurrencesOf } from './recurrences.ts'
import { incidentView } from './show.ts'
import { timelineEntry } from './timeline.ts'
import type { DeviationView, EvidenceView, Review, TimelineEntry } from './view-types.ts'

type Note = Review['notes'][number]
type List<T> = AsyncIterable<T> | Iterable<T>

/** A review whose long parts are read while they are being sent, so that no process holds a whole review in memory. */
export interface ReviewParts {
  head: Omit<Review, 'timeline' | 'evidence' | 'notes'>
  events: number
  graph: Graph | null
  acknowledged: Acknowledgement | undefined
  timeline: List<TimelineEntry>
  evidence: List<EvidenceView>
  notes: List<Note>
}

/**
 * Everything about an incident, from the engine's database alone: complete even after Temporal deleted its history. The
 * short parts and the lengths of the long parts are read in one snapshot. The long parts can be read later, because
 * their rows never change. `plans`: of other incidents, the review names only those of these plans; null: all.
 */
export async function openReview(database: Database, id: string, plans: VisiblePlans = null): Promise<ReviewParts> {
  const { upTo, places, lastNote, ...rest } = await snapshot(database, (db) => readHead(db, id, plans))
  return {
    ...rest,
    events: upTo,
    timeline: readTimeline(database, id, upTo),
    evidence: readEvidenceInBatches(database, id, places),
    notes: readNotes(database, id, lastNote),
  }
}

/** Like `openReview`, but with all parts in memory. */
export async function reviewIncident(database: Database, id: string): Promise<Review> {
  const { head, timeline, evidence, notes } = await openReview(database, id)
  return { ...head, timeline: await all(timeline), evidence: await all(evidence), notes: await all(notes) }
}

interface Head extends Pick<ReviewParts, 'head' | 'graph' | 'acknowledged'> {
  /** The positions at which the long parts end: the last event, the list of evidence, and the last note. */
  upTo: number
  places: EvidenceEntry[]
  lastNote: string
}

async function readHead(db: Queryable, id: string, plans: VisiblePlans): Promise<Head> {
  const incident = await incidentView(db, id, plans)
  const faults = await verifyChain(db, id)
  const last = await db.query<{ seq: string; note: string }>(
    `SELECT (SELECT coalesce(max(seq), 0) FROM runbook.events WHERE incident = $1) AS seq,
       (SELECT coalesce(max(number), 0) FROM runbook.notes WHERE incident = $1) AS note`,
    [id],
  )
  const upTo = Number(last.rows[0]!.seq)
  const { acknowledged, deviations } = await readStory(db, id, upTo)
  const since = (at: string | null) => (at === null ? null : Date.parse(at) - Date.parse(incident.openedAt))
  return {
    head: {
      incident,
      timeToAcknowledgeMs: since(acknowledged?.at ?? null),
      timeToResolveMs: incident.outcome === 'resolved' ? since(incident.closedAt) : null,
      chainFaults: faults.map((fault) => `event ${fault.seq}: ${fault.what}`),
      deviations,
      followUps: await listFollowUps(db, id),
      feedback: await listFeedback(db, id),
      recurrences: await recurrencesOf(db, incident, plans),
    },
    graph: await incidentGraph(db, incident),
    acknowledged,
    upTo,
    places: await listEvidence(db, id),
    lastNote: last.rows[0]!.note,
  }
}

async function* readTimeline(db: Queryable, id: string, upTo: number): AsyncGenerator<TimelineEntry> {
  for await (const events of readEventsInBatches(db, id, upTo)) yield* events.map(timelineEntry)
}

/** How many notes are read at a time, because a note has up to 10,000 characters. */
const NOTES_AT_ONCE = 50

async function* readNotes(db: Queryable, id: string, last: string): AsyncGenerator<Note> {
  for (let after = '0'; ;) {
    const found = await db.query<{ number: string; person: string; body: string; about: number | null; at: Date }>(
      'SELECT number, person, body, about::float AS about, at FROM runbook.notes WHERE incident = $1 AND number > $2 AND number <= $3 ORDER BY number LIMIT $4',
      [id, after, last, NOTES_AT_ONCE],
    )
    yield* found.rows.map(({ person, body, about, at }) => ({ person, body, about, at: isoTime(at) }))
    if (found.rows.length < NOTES_AT_ONCE) return
    after = found.rows.at(-1)!.number
  }
}

const MAX_DEVIATIONS = 200

/** The facts in the head of a review that depend on all events together. */
async function readStory(db: Queryable, id: string, upTo: number) {
  let acknowledged: Acknowledgement | undefined
  const deviations: DeviationView[] = []
  for await (const events of readEventsInBatches(db, id, upTo))
    for (const event of events) {
      acknowledged ??= acknowledgement(timelineEntry(event))
      const deviation = deviations.length < MAX_DEVIATIONS ? deviationOf(event) : undefined
      if (deviation) deviations.push(deviation)
    }
  return { acknowledged, deviations }
}

async function all<T>(list: List<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

const ACTION_BY_KIND: Record<string, string> = {
  acknowledged: 'acknowledged it',
  claimed: 'claimed it',
  decision: 'decided',
}

export interface Acknowledgement {
  at: string
  person: string
  how: string
}

/**
 * The acknowledgement that an event shows: somebody who acknowledges, claims or decides has seen the incident. The
 * first such event counts.
 */
export function acknowledgement({ kind, actor, at }: TimelineEntry): Acknowledgement | undefined {
  if (!Object.hasOwn(ACTION_BY_KIND, kind) || !actor.startsWith('person:')) return undefined
  return { at, person: actor.replace('person:', ''), how: ACTION_BY_KIND[kind]! }
}
