import { canonical, digest } from '../core/canonical.ts'
import type { NewEvent } from '../core/events.ts'
import { RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { formatPlace } from '../core/place.ts'
import { statement, transaction, type Connection, type Database, type Queryable } from './database.ts'

export interface NewIncident {
  type: string
  runbook: string
  planDigest: string
  key: string
  inputs: JsonObject
  /** Who or what asks: `person:<name>`, `alert:<source>`, `handoff:<incident>`. */
  requester: string
  parent?: string
  /** A repeated request with the same value is the same incident, whatever has become of it. */
  idempotencyKey?: string
  /**
   * For what reports by itself: so many milliseconds after the key's last incident closed with its symptom still there, a report is
   * counted there and opens nothing. Absent: it opens whatever was before.
   */
  quietMs?: number
}

export interface Accepted {
  incident: string
  /** False: the request joined an incident that was open under the same key, or repeats an earlier request. */
  created: boolean
  occurrences: number
  /** Those of the incident that it joined, where they are not the ones that were asked for. */
  inputs?: JsonObject
  /** It was counted at an incident that has closed: the key is quiet. */
  quiet?: true
}

/**
 * Accepts an incident: one open per key, repeats counted. Answers after commit; a new one has `started_at` null, which is the
 * outbox: whoever starts its workflow then sets it.
 */
export async function acceptIncident(database: Database, request: NewIncident): Promise<Accepted> {
  const { idempotencyKey, quietMs } = request
  if (!idempotencyKey && quietMs === undefined)
    return statement(database, (connection) => openOrJoin(connection, request))
  return transaction(database, async (connection) => {
    const earlier = idempotencyKey && (await earlierRequest(connection, idempotencyKey, request))
    if (earlier) return earlier
    const accepted = (await countedQuietly(connection, request)) ?? (await openOrJoin(connection, request))
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
  // Two requests with one key at once: the second waits here until the first has committed.
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [idempotencyKey])
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
      `the idempotency key was used before for another request (${row.incident})`,
    )
  return { incident: row.incident, created: false, occurrences: row.occurrences }
}

/** A symptom that was seen to be gone ends the quiet: then the key's last incident was resolved or cleared. */
async function countedQuietly(connection: Connection, { key, quietMs }: NewIncident): Promise<Accepted | undefined> {
  if (quietMs === undefined) return undefined
  // As accept_incident does: of reports with one key at once, one is judged after the other.
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 2))', [key])
  const counted = await connection.query<Accepted>(
    `UPDATE runbook.incidents SET occurrences = occurrences + 1
     WHERE number = (SELECT max(number) FROM runbook.incidents WHERE key = $1)
       AND closed_at > clock_timestamp() - $2 * interval '1 millisecond' AND outcome NOT IN ('resolved', 'cleared')
     RETURNING id AS incident, false AS created, occurrences, true AS quiet`,
    [key, quietMs],
  )
  return counted.rows[0]
}

async function openOrJoin(connection: Connection, request: NewIncident): Promise<Accepted> {
  const { type, runbook, planDigest, key, inputs, requester, parent } = request
  const data = { type, runbook, planDigest, key, inputs, ...(parent ? { parent } : {}) }
  const opened: NewEvent<'opened'> = { place: formatPlace({ kind: 'opened' }), actor: requester, kind: 'opened', data }
  const accepted = await connection.query<Accepted>(
    'SELECT incident, created, occurrences FROM runbook.accept_incident($1, $2, $3, $4, $5, $6, $7, $8)',
    [type, runbook, planDigest, key, canonical(inputs), requester, parent ?? null, canonical(opened)],
  )
  return accepted.rows[0]!
}

/** Incidents whose workflow is still to be started, oldest first; those younger than `graceMs` are left to who accepted them. */
export async function incidentsToStart(db: Queryable, graceMs: number, limit: number): Promise<string[]> {
  const found = await db.query<{ id: string }>(
    `SELECT id FROM runbook.incidents WHERE started_at IS NULL AND closed_at IS NULL
     AND opened_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY opened_at LIMIT $2`,
    [graceMs, limit],
  )
  return found.rows.map((row) => row.id)
}

export async function markStarted(db: Queryable, incident: string): Promise<void> {
  await db.query('UPDATE runbook.incidents SET started_at = clock_timestamp() WHERE id = $1 AND started_at IS NULL', [
    incident,
  ])
}
