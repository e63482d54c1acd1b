import { canonical, digest } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { transaction, type Connection, type Database, type Queryable } from './database.ts'
import { recordEvents } from './record.ts'

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
}

export interface Accepted {
  incident: string
  /** False: the request joined an incident that was open under the same key, or repeats an earlier request. */
  created: boolean
  occurrences: number
}

/**
 * Accepts an incident: one open per key, repeats counted. Answers after commit; a new one has `started_at` null, which is the
 * outbox: whoever starts its workflow then sets it.
 */
export async function acceptIncident(database: Database, request: NewIncident): Promise<Accepted> {
  return transaction(database, async (connection) => {
    if (request.idempotencyKey) {
      const earlier = await earlierRequest(connection, request)
      if (earlier) return earlier
    }
    // Requests with one key at once: the first opens, the others wait here and join, so that no number is drawn in vain.
    await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 2))', [request.key])
    const accepted = (await joinOpen(connection, request)) ?? (await open(connection, request))
    if (request.idempotencyKey)
      await connection.query(
        'INSERT INTO runbook.requests (idempotency_key, fingerprint, incident) VALUES ($1, $2, $3)',
        [request.idempotencyKey, fingerprint(request), accepted.incident],
      )
    return accepted
  })
}

function fingerprint(request: NewIncident): string {
  return digest({ type: request.type, inputs: request.inputs })
}

async function earlierRequest(connection: Connection, request: NewIncident): Promise<Accepted | undefined> {
  // Two requests with one key at once: the second waits here until the first has committed.
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [request.idempotencyKey])
  const found = await connection.query<{ fingerprint: string; incident: string; occurrences: number }>(
    `SELECT r.fingerprint, r.incident, i.occurrences FROM runbook.requests r JOIN runbook.incidents i ON i.id = r.incident
     WHERE r.idempotency_key = $1`,
    [request.idempotencyKey],
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

async function joinOpen(connection: Connection, request: NewIncident): Promise<Accepted | undefined> {
  const joined = await connection.query<{ id: string; occurrences: number }>(
    'UPDATE runbook.incidents SET occurrences = occurrences + 1 WHERE key = $1 AND closed_at IS NULL RETURNING id, occurrences',
    [request.key],
  )
  const row = joined.rows[0]
  return row && { incident: row.id, created: false, occurrences: row.occurrences }
}

async function open(connection: Connection, request: NewIncident): Promise<Accepted> {
  const inserted = await connection.query<{ id: string }>(
    `INSERT INTO runbook.incidents (type, runbook, plan_digest, key, inputs, requester, parent) VALUES ($1, $2, $3, $4, $5, $6, $7)
     RETURNING id`,
    [
      request.type,
      request.runbook,
      request.planDigest,
      request.key,
      canonical(request.inputs),
      request.requester,
      request.parent ?? null,
    ],
  )
  const id = inserted.rows[0]!.id
  const { type, runbook, planDigest, key, inputs, requester } = request
  await recordEvents(connection, id, [
    {
      place: 'opened',
      actor: requester,
      kind: 'opened',
      data: { type, runbook, planDigest, key, inputs, ...(request.parent ? { parent: request.parent } : {}) },
    },
  ])
  return { incident: id, created: true, occurrences: 1 }
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
