import { canonical, digest } from '../core/canonical.ts'
import { defined } from '../core/defined.ts'
import type { NewEvent, ParsedEvent } from '../core/events.ts'
import { RunbookError } from '../core/errors.ts'
import type { Evidence } from '../core/evidence.ts'
import type { IncidentState } from '../core/incident.ts'
import type { JsonObject } from '../core/json.ts'
import { parseEvent } from '../core/parse-event.ts'
import { statement, type Connection, type Database, type Queryable } from './database.ts'

/** The stored event. If the place was already written, this is the event that was stored there first. */
export type RecordedEvent = ParsedEvent & {
  /** Whether this call stored the event. False if the place was already written, so that this is the earlier event. */
  fresh: boolean
  /** The time by the database's clock: ISO 8601, UTC, with microseconds. */
  at: string
}

/**
 * Appends events to an incident's chain. To store other rows in the same transaction, pass the connection of that transaction. Throws
 * `RUNBOOK_NOT_FOUND`.
 */
export async function recordEvents(db: Queryable, incident: string, events: NewEvent[]): Promise<RecordedEvent[]> {
  if (events.length === 0) return []
  return append(db, 'append_events($1, $2, $3)', incident, events, [])
}

interface StoredRow {
  body: string
  at: string
  fresh: boolean
}

/** Calls a database function that appends events; returns the stored events in the given order. */
async function append(
  db: Queryable,
  call: string,
  incident: string,
  events: NewEvent[],
  more: unknown[],
): Promise<RecordedEvent[]> {
  const stored = await db
    // oxlint-disable-next-line runbook/sql-text -- the name of one of two functions
    .query<StoredRow>(`SELECT body, at, fresh FROM runbook.${call}`, [incident, ...placesAndBodies(events), ...more])
    .catch(knownError(incident))
  return stored.rows.map((row) => ({ ...parseEvent(row.body), at: row.at, fresh: row.fresh }))
}

/** The events in the form of the arguments of the database functions that append events. */
export function placesAndBodies(events: NewEvent[]): [places: (string | null)[], bodies: string[]] {
  return [events.map((event) => event.place ?? null), events.map((event) => canonical(event))]
}

/** Turns the database's error for a missing incident into `RUNBOOK_NOT_FOUND`; rethrows every other error. */
export function knownError(incident: string): (error: { code?: string }) => never {
  return (error) => {
    if (error.code === 'P0002')
      throw new RunbookError(
        'RUNBOOK_NOT_FOUND',
        `incident ${incident} does not exist; run "runbook list" to see all incidents`,
      )
    throw error
  }
}

/** Sets the incident's state, unless it is closed. */
export async function setState(
  db: Queryable,
  incident: string,
  state: Exclude<IncidentState, 'closed'>,
): Promise<void> {
  await db.query(`UPDATE runbook.incidents SET state = $2 WHERE id = $1 AND state <> 'closed' AND state <> $2`, [
    incident,
    state,
  ])
}

/**
 * Stores the evidence of checks, each at its place, and returns the stored evidence: the first write wins, so a check that runs again
 * after a crash keeps its first result. `parameters` are by place.
 */
export async function recordEvidence(
  database: Database,
  incident: string,
  found: Evidence[],
  parameters: Record<string, JsonObject>,
  state?: Exclude<IncidentState, 'closed'>,
): Promise<Evidence[]> {
  const rows = found.map((evidence) => evidenceRow(evidence, parameters[evidence.place] ?? {}))
  const call = 'record_evidence($1, $2, $3, $4, $5)'
  const more = [JSON.stringify(rows), state ?? null]
  const events = found.map((evidence) => checkEvent(evidence, parameters[evidence.place] ?? {}))
  const stored = await statement(database, (connection) => append(connection, call, incident, events, more))
  if (stored.every(({ fresh }) => fresh)) return found
  const places = found.map((evidence) => evidence.place)
  const kept = await readEvidenceAt(database, incident, places)
  return found.map((evidence) => kept.get(evidence.place) ?? evidence)
}

function checkEvent(evidence: Evidence, parameters: JsonObject): NewEvent {
  const { place, name, kind, status, ref, truncated, startedAt, durationMs, error, result } = evidence
  const rows = Array.isArray(result?.rows) ? result.rows.length : undefined
  return {
    place,
    actor: 'engine',
    kind: 'check',
    data: defined({
      name,
      check: kind,
      status,
      ref,
      truncated,
      asked: digest(parameters),
      startedAt,
      durationMs,
      rows,
      error,
    }),
  }
}

function evidenceRow(evidence: Evidence, parameters: JsonObject): JsonObject {
  const { place, name, kind, status, ref, truncated, startedAt, durationMs } = evidence
  return {
    place,
    name,
    kind,
    status,
    ref,
    truncated,
    started_at: startedAt,
    duration_ms: durationMs,
    parameters: canonical(parameters),
    body: canonical(evidenceBody(evidence)),
  }
}

/** The part of the evidence whose digest is its `ref`: the result, or the error. */
export function evidenceBody(evidence: Pick<Evidence, 'status' | 'result' | 'error'>): JsonObject {
  return evidence.status === 'ok' ? { result: evidence.result ?? {} } : { error: evidence.error ?? '' }
}

interface EvidenceRow {
  place: string
  name: string
  kind: string
  status: Evidence['status']
  body: string
  ref: string
  truncated: boolean
  started_at: Date
  duration_ms: number
}

/** The stored evidence of an incident, by place; all of it if `places` is absent. */
export async function readEvidenceAt(
  db: Queryable | Connection,
  incident: string,
  places?: string[],
): Promise<Map<string, Evidence>> {
  const found = await db.query<EvidenceRow>(
    `SELECT place, name, kind, status, body, ref, truncated, started_at, duration_ms FROM runbook.evidence
     WHERE incident = $1 AND ($2::text[] IS NULL OR place = ANY ($2)) ORDER BY started_at, place`,
    [incident, places ?? null],
  )
  return new Map(found.rows.map((row) => [row.place, evidenceOf(row)]))
}

function evidenceOf(row: EvidenceRow): Evidence {
  const body = JSON.parse(row.body) as { result?: JsonObject; error?: string }
  return defined({
    place: row.place,
    name: row.name,
    kind: row.kind,
    status: row.status,
    ref: row.ref,
    truncated: row.truncated,
    startedAt: row.started_at.toISOString(),
    durationMs: row.duration_ms,
    result: body.result,
    error: body.error,
  })
}
