import { canonical, digest } from '../core/canonical.ts'
import type { NewEvent } from '../core/events.ts'
import { RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { formatPlace } from '../core/place.ts'
import { lockName } from './advisory-locks.ts'
import { statement, transaction, type Connection, type Database, type Queryable } from './database.ts'

export interface NewIncident {
  type: string
  runbook: string
  planDigest: string
  key: string
  inputs: JsonObject
  /** Who or what opens the incident: `person:<name>`, `alert:<source>`, `detect:<runbook>` or `handoff:<incident>`. */
  requester: string
  parent?: string
  /** A repeated request with the same value returns the same incident, even after that incident has closed. */
  idempotencyKey?: string
  /**
   * How long the key is quiet, in milliseconds, after its last incident closed with the symptom still present. While the key is quiet, an
   * automatic report is counted on that incident and opens no new one. If absent, the report always opens an incident or joins the open
   * one.
   */
  quietMs?: number
}

export interface Accepted {
  incident: string
  /** False if the request joined an incident that was open under the same key, or repeats an earlier request. */
  created: boolean
  occurrences: number
  /** The inputs of the incident that the request joined; present when they differ from the requested inputs. */
  inputs?: JsonObject
  /** Present if the key is quiet, so that the request was only counted on an incident that has closed. */
  quiet?: true
}

/** What `accept` returns. `workflowId`, the id of the workflow to start, is present for a new incident. */
export type AcceptedIncident = Accepted & { workflowId?: string }

/**
 * Accepts an incident. One incident is open for each type and key; repeated requests are counted. Returns after the commit. A new incident
 * has `started_at` null until the process that starts the workflow sets this column.
 */
export async function acceptIncident(database: Database, request: NewIncident): Promise<AcceptedIncident> {
  const { idempotencyKey, quietMs } = request
  if (!idempotencyKey && quietMs === undefined)
    return statement(database, (connection) => openOrJoin(connection, request))
  return transaction(database, async (connection) => {
    const earlier = idempotencyKey && (await earlierRequest(connection, idempotencyKey, request))
    if (earlier) return earlier
    const accepted = (await countOnQuietKey(connection, request)) ?? (await openOrJoin(connection, request))
    if (!idempotencyKey) return accepted
    await connection.query(
      'INSERT INTO runbook.requests (idempotency_key, fingerprint, incident) VALUES ($1, $2, $3)',
      [idempotencyKey, fingerprint(request), accepted.incident],
    )
    return accepted
  })
}

function fingerprint(request: NewIncident): string {
  return digest({ type: request.type, inputs: request.inputs })
}

async function earlierRequest(
  connection: Connection,
  idempotencyKey: string,
  request: NewIncident,
): Promise<Accepted | undefined> {
  // Of two requests with the same key at the same time, the second waits here until the first has committed.
  await lockName(connection, 'idempotencyKey', idempotencyKey)
  const found = await connection.query<{ fingerprint: string; incident: string; occurrences: number }>(
    `SELECT r.fingerprint, r.incident, i.occurrences FROM runbook.requests r JOIN runbook.incidents i ON i.id = r.incident
     WHERE r.idempotency_key = $1`,
    [idempotencyKey],
  )
  const row = found.rows[0]
  if (!row) return undefined
  if (row.fingerprint !== fingerprint(request))
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `the idempotency key was used before for a different request (${row.incident}): send a new key`,
    )
  return { incident: row.incident, created: false, occurrences: row.occurrences }
}

/**
 * Counts the report on the key's last incident while the key is quiet; undefined when it is not. A key whose last incident was resolved or
 * cleared is not quiet, because the symptom was gone. The key is not quiet either after a sample that did not find the symptom.
 */
async function countOnQuietKey(
  connection: Connection,
  { type, key, quietMs }: NewIncident,
): Promise<Accepted | undefined> {
  if (quietMs === undefined) return undefined
  // This takes the same lock as accept_incident, so that reports with the same key are handled one after the other.
  await lockName(connection, 'incidentKey', key)
  const counted = await connection.query<Accepted>(
    `UPDATE runbook.incidents SET occurrences = occurrences + 1
     WHERE number = (SELECT max(number) FROM runbook.incidents WHERE key = $1 AND type = $2)
       AND closed_at > clock_timestamp() - $3 * interval '1 millisecond' AND outcome NOT IN ('resolved', 'cleared') AND symptom_gone_at IS NULL
     RETURNING id AS incident, false AS created, occurrences, true AS quiet`,
    [key, type, quietMs],
  )
  return counted.rows[0]
}

async function openOrJoin(connection: Connection, request: NewIncident): Promise<AcceptedIncident> {
  const { type, runbook, planDigest, key, inputs, requester, parent } = request
  const data = { type, runbook, planDigest, key, inputs, ...(parent ? { parent } : {}) }
  const opened: NewEvent<'opened'> = { place: formatPlace({ kind: 'opened' }), actor: requester, kind: 'opened', data }
  const accepted = await connection.query<Accepted & { workflowId: string }>(
    'SELECT incident, created, occurrences, workflow_id AS "workflowId" FROM runbook.accept_incident($1, $2, $3, $4, $5, $6, $7, $8)',
    [type, runbook, planDigest, key, canonical(inputs), requester, parent ?? null, canonical(opened)],
  )
  const { workflowId, ...answer } = accepted.rows[0]!
  return answer.created ? { ...answer, workflowId } : answer
}

/**
 * Incidents whose workflow has not been started, oldest first. Incidents younger than `graceMs` are left out: the process that
 * accepted them is starting them.
 */
export async function incidentsToStart(db: Queryable, graceMs: number, limit: number): Promise<string[]> {
  const found = await db.query<{ id: string }>(
    `SELECT id FROM runbook.incidents WHERE started_at IS NULL AND closed_at IS NULL
     AND opened_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY opened_at LIMIT $2`,
    [graceMs, limit],
  )
  return found.rows.map((row) => row.id)
}

/** Records that the incident's workflow was started, with the id of its run. The first recorded run is kept. */
export async function markStarted(db: Queryable, incident: string, runId: string): Promise<void> {
  await db.query(
    `UPDATE runbook.incidents SET started_at = coalesce(started_at, clock_timestamp()), run_id = coalesce(run_id, $2)
     WHERE id = $1 AND (started_at IS NULL OR run_id IS NULL)`,
    [incident, runId],
  )
}
