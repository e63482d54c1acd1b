import type { StoredEvent } from '../core/events.ts'
import { RunbookError } from '../core/errors.ts'
import type { IncidentState, Outcome } from '../core/incident.ts'
import type { JsonObject } from '../core/json.ts'
import { readStoredObject } from '../core/stored-json.ts'
import { parseEvent } from '../core/parse-event.ts'
import type { Queryable } from './database.ts'

export interface IncidentRow {
  id: string
  type: string
  runbook: string
  planDigest: string
  key: string
  /** The inputs; null if somebody changed the stored text so that it cannot be read. */
  inputs: JsonObject | null
  state: IncidentState
  outcome: Outcome | null
  reason: string | null
  requester: string
  parent: string | null
  occurrences: number
  openedAt: string
  startedAt: string | null
  /** The id of the incident's workflow in Temporal. */
  workflowId: string
  /** The run of the workflow that the engine started; null until it is known. */
  runId: string | null
  acknowledgedAt: string | null
  acknowledgedBy: string | null
  claimedBy: string | null
  cancelledAt: string | null
  closedAt: string | null
  /** The connections that are down and that an open incident waits for. */
  waitsFor: { connection: string; why: string; since: string; until: string }[]
  /** The manual steps of an open incident that wait for a person. */
  manualSteps: ManualStep[]
}

/** `until`: when the remedy stops if nobody has answered. */
export type ManualStep = { gate: string; action: string; target: string; since: string; until: string }

type RawIncidentRow = Omit<IncidentRow, 'inputs'> & { inputs: string }

const iso = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const COLUMNS = `id, type, runbook, plan_digest AS "planDigest", key, inputs, state, outcome, reason, requester, parent, occurrences,
  ${iso('opened_at')} AS "openedAt", ${iso('started_at')} AS "startedAt", ${iso('acknowledged_at')} AS "acknowledgedAt",
  runbook.workflow_id(id, start_nonce) AS "workflowId", run_id AS "runId", acknowledged_by AS "acknowledgedBy", claimed_by AS "claimedBy", ${iso('cancelled_at')} AS "cancelledAt", ${iso('closed_at')} AS "closedAt",
  (SELECT coalesce(json_agg(json_build_object('connection', o.connection, 'why', o.why, 'since', ${iso('o.since')}, 'until', ${iso('o.until')})
      ORDER BY o.since, o.connection), '[]')
    FROM runbook.outages o WHERE o.incident = incidents.id AND o.ended_at IS NULL AND incidents.closed_at IS NULL) AS "waitsFor",
  (SELECT coalesce(json_agg(json_build_object('gate', m.gate, 'action', m.action, 'target', m.target, 'since', ${iso('m.since')}, 'until', ${iso('m.until')})
      ORDER BY m.since, m.target), '[]')
    FROM runbook.manual_steps m JOIN runbook.gates g ON g.id = m.gate
    WHERE g.incident = incidents.id AND g.state = 'approved' AND incidents.closed_at IS NULL AND incidents.cancelled_at IS NULL
      AND NOT EXISTS (SELECT FROM runbook.effects e WHERE e.gate = m.gate AND e.action = m.action AND e.target = m.target)
      AND NOT EXISTS (SELECT FROM runbook.events s WHERE s.incident = incidents.id AND s.place = 'r' || g.round || '/stopped')) AS "manualSteps"`

/** Reads an incident. Throws `RUNBOOK_NOT_FOUND`. */
export async function readIncident(db: Queryable, id: string): Promise<IncidentRow> {
  const found = await db.query<RawIncidentRow>(`SELECT ${COLUMNS} FROM runbook.incidents WHERE id = $1`, [id])
  const row = found.rows[0]
  if (!row)
    throw new RunbookError(
      'RUNBOOK_NOT_FOUND',
      `incident ${id} does not exist; run "runbook list" to see all incidents`,
    )
  return incidentOf(row)
}

function incidentOf(row: RawIncidentRow): IncidentRow {
  return { ...row, inputs: readStoredObject(row.inputs) ?? null }
}

/**
 * The inputs, for callers that start something with them. Throws `RUNBOOK_REFUSED` if somebody changed the stored inputs so that they
 * cannot be read.
 */
export function readableInputs(id: string, stored: JsonObject | null | undefined): JsonObject {
  if (stored) return stored
  throw new RunbookError(
    'RUNBOOK_REFUSED',
    `the stored inputs of ${id} cannot be read: they were changed after they were stored. Run "runbook audit verify"`,
  )
}

/** The workflow's id and run, for a signal or a question to Temporal. Throws `RUNBOOK_NOT_FOUND`. */
export async function readWorkflow(db: Queryable, id: string): Promise<Pick<IncidentRow, 'workflowId' | 'runId'>> {
  const found = await db.query<Pick<IncidentRow, 'workflowId' | 'runId'>>(
    `SELECT runbook.workflow_id(id, start_nonce) AS "workflowId", run_id AS "runId" FROM runbook.incidents WHERE id = $1`,
    [id],
  )
  if (!found.rows[0]) throw new RunbookError('RUNBOOK_NOT_FOUND', `no incident ${id}`)
  return found.rows[0]
}

/** The facts about a started incident that an activity compares with the workflow that calls it. */
export interface StartedIncident {
  planDigest: string
  inputs: JsonObject
  workflowId: string
  /** The id of the workflow's run. Null until the run is recorded, and for incidents from before runs were recorded. */
  runId: string | null
  /**
   * Whether the id of the workflow contains the engine's id. False for incidents from before runs were recorded, whose workflow has the
   * incident's id.
   */
  hasNonce: boolean
}

/** Reads these facts. Throws `RUNBOOK_NOT_FOUND`. */
export async function readStarted(db: Queryable, id: string): Promise<StartedIncident> {
  const found = await db.query<Omit<StartedIncident, 'inputs'> & { inputs: string }>(
    `SELECT plan_digest AS "planDigest", inputs, runbook.workflow_id(id, start_nonce) AS "workflowId", run_id AS "runId", start_nonce IS NOT NULL AS "hasNonce"
     FROM runbook.incidents WHERE id = $1`,
    [id],
  )
  const row = found.rows[0]
  if (!row) throw new RunbookError('RUNBOOK_NOT_FOUND', `no incident ${id}`)
  return { ...row, inputs: readableInputs(id, readStoredObject(row.inputs)) }
}

export interface IncidentFilter {
  state?: 'open' | 'closed'
  type?: string
  /** Lists only incidents with a number below this one. */
  before?: number
  /** Lists only incidents of these plans. Null: of all. */
  plans: string[] | null
  limit: number
}

/** Lists incidents, newest first. */
export async function listIncidents(db: Queryable, filter: IncidentFilter): Promise<IncidentRow[]> {
  const found = await db.query<RawIncidentRow>(
    `SELECT ${COLUMNS} FROM runbook.incidents
     WHERE ($1::text IS NULL OR (closed_at IS NULL AND $1 = 'open') OR (closed_at IS NOT NULL AND $1 = 'closed')) AND ($2::text IS NULL OR type = $2) AND ($3::bigint IS NULL OR number < $3) AND ($5::text[] IS NULL OR plan_digest = ANY ($5))
     ORDER BY number DESC LIMIT $4`,
    [filter.state ?? null, filter.type ?? null, filter.before ?? null, filter.limit, filter.plans],
  )
  return found.rows.map(incidentOf)
}

/** Incidents of the last week that failed or were escalated, latest first. `plans`: only those of these plans; null: all. */
export async function listAnnounced(db: Queryable, plans: string[] | null, limit: number): Promise<IncidentRow[]> {
  const found = await db.query<RawIncidentRow>(
    `SELECT ${COLUMNS} FROM runbook.incidents
     WHERE outcome IN ('failed', 'escalated') AND closed_at > clock_timestamp() - interval '7 days'
       AND ($2::text[] IS NULL OR plan_digest = ANY ($2))
     ORDER BY closed_at DESC LIMIT $1`,
    [limit, plans],
  )
  return found.rows.map(incidentOf)
}

/**
 * The incidents that follow an incident: retries, handoffs, and those that undo it, oldest first. `plans`: only those of these plans; null:
 * all.
 */
export async function readChildren(
  db: Queryable,
  parent: string,
  plans: string[] | null,
): Promise<Pick<IncidentRow, 'id' | 'type' | 'state' | 'outcome'>[]> {
  const found = await db.query<Pick<IncidentRow, 'id' | 'type' | 'state' | 'outcome'>>(
    `SELECT id, type, state, outcome FROM runbook.incidents
     WHERE parent = $1 AND ($3::text[] IS NULL OR plan_digest = ANY ($3)) ORDER BY number LIMIT $2`,
    [parent, MAX_CHILDREN, plans],
  )
  return found.rows
}

const MAX_CHILDREN = 20

/** How many events are read at a time if an incident may have many. */
export const EVENTS_AT_ONCE = 200

/** An incident's events up to number `upTo`, in order and in batches. */
export async function* readEventsInBatches(
  db: Queryable,
  incident: string,
  upTo: number,
): AsyncGenerator<StoredEvent[]> {
  for (let after = 0; after < upTo;) {
    const events = (await readEvents(db, incident, after, EVENTS_AT_ONCE)).filter(({ seq }) => seq <= upTo)
    if (events.length === 0) return
    yield events
    after = events.at(-1)!.seq
  }
}

/** An incident's events after number `after`, in order; at most `limit` of them. */
export async function readEvents(db: Queryable, incident: string, after = 0, limit?: number): Promise<StoredEvent[]> {
  const found = await db.query<{ seq: string; at: string; place: string | null; body: string; hash: string }>(
    'SELECT seq, at, place, body, hash FROM runbook.events WHERE incident = $1 AND seq > $2 ORDER BY seq LIMIT $3',
    [incident, after, limit ?? null],
  )
  return found.rows.map((row) => ({
    ...parseEvent(row.body),
    seq: Number(row.seq),
    at: row.at,
    place: row.place,
    hash: row.hash,
  }))
}

/** How far the history of an incident is. */
export interface Head {
  /** The number of the last event. */
  seq: number
  closed: boolean
}

/** How far the histories of these incidents are, by their ids. */
export async function readHeads(db: Queryable, ids: string[]): Promise<Map<string, Head>> {
  const found = await db.query<Head & { id: string }>(
    `SELECT id, head_seq::float8 AS seq, closed_at IS NOT NULL AS closed FROM runbook.incidents WHERE id = ANY ($1)`,
    [ids],
  )
  return new Map(found.rows.map(({ id, ...head }) => [id, head]))
}
