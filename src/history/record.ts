import { canonical } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Evidence } from '../core/evidence.ts'
import type { IncidentState } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { transaction, type Connection, type Database, type Queryable } from './database.ts'

export interface NewEvent {
  /** Unique within the incident; a second event for the same place is not written, the first one is returned. */
  place?: string
  /** `engine`, or `person:<name>`. */
  actor: string
  kind: string
  data: JsonObject
}

export interface StoredEvent extends NewEvent {
  /** False: the place had been written before, and this is what was written then. */
  fresh: boolean
  /** ISO 8601, UTC, microseconds, by the database's clock. */
  at: string
}

/** Appends events to the incident's chain; throws `RUNBOOK_NOT_FOUND`. For what is stored together with them, pass the connection of that transaction. */
export async function recordEvents(db: Queryable, incident: string, events: NewEvent[]): Promise<StoredEvent[]> {
  if (events.length === 0) return []
  const places = events.map((event) => event.place ?? null)
  const bodies = events.map((event) => canonical(event as unknown as Json))
  const stored = await db
    .query<{
      body: string
      at: string
      fresh: boolean
    }>('SELECT body, at, fresh FROM runbook.append_events($1, $2, $3)', [incident, places, bodies])
    .catch((error: { code?: string }) => {
      if (error.code === 'P0002') throw new RunbookError('RUNBOOK_NOT_FOUND', `no incident ${incident}`)
      throw error
    })
  return stored.rows.map((row) => ({ ...(JSON.parse(row.body) as NewEvent), at: row.at, fresh: row.fresh }))
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

const INSERT_EVIDENCE = `
INSERT INTO runbook.evidence (incident, place, name, kind, status, parameters, body, ref, truncated, started_at, duration_ms)
SELECT $1, e.place, e.name, e.kind, e.status, e.parameters, e.body, e.ref, e.truncated, e.started_at, e.duration_ms
FROM jsonb_to_recordset($2::jsonb) AS e (place text, name text, kind text, status text, parameters text, body text, ref text,
  truncated boolean, started_at timestamptz, duration_ms integer)
ON CONFLICT (incident, place) DO NOTHING`

/**
 * Stores what checks found, each at its place, and returns what stands there now: the first write wins, so that a check that
 * ran twice after a crash is known by its first result alone. `parameters` are by place.
 */
export async function recordEvidence(
  database: Database,
  incident: string,
  found: Evidence[],
  parameters: Record<string, JsonObject>,
  state?: Exclude<IncidentState, 'closed'>,
): Promise<Evidence[]> {
  return transaction(database, async (connection) => {
    const stored = await recordEvents(connection, incident, found.map(checkEvent))
    const fresh = found.filter((_, i) => stored[i]!.fresh)
    if (fresh.length > 0) {
      const rows = fresh.map((evidence) => evidenceRow(evidence, parameters[evidence.place] ?? {}))
      await connection.query(INSERT_EVIDENCE, [incident, JSON.stringify(rows)])
    }
    if (state) await setState(connection, incident, state)
    if (fresh.length === found.length) return found
    const there = await readEvidence(
      connection,
      incident,
      found.map((evidence) => evidence.place),
    )
    return found.map((evidence) => there.get(evidence.place) ?? evidence)
  })
}

function checkEvent(evidence: Evidence): NewEvent {
  const { place, name, kind, status, ref, truncated, durationMs, error, result } = evidence
  const rows = Array.isArray(result?.rows) ? result.rows.length : undefined
  return {
    place,
    actor: 'engine',
    kind: 'check',
    data: {
      name,
      check: kind,
      status,
      ref,
      truncated,
      durationMs,
      ...(rows === undefined ? {} : { rows }),
      ...(error === undefined ? {} : { error }),
    },
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

/** What the evidence's ref is the digest of: the result, or the error. */
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

/** The stored evidence of an incident by place; all of it without `places`. */
export async function readEvidence(
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
  return {
    place: row.place,
    name: row.name,
    kind: row.kind,
    status: row.status,
    ref: row.ref,
    truncated: row.truncated,
    startedAt: row.started_at.toISOString(),
    durationMs: row.duration_ms,
    ...(body.result === undefined ? {} : { result: body.result }),
    ...(body.error === undefined ? {} : { error: body.error }),
  }
}
