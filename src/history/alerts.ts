import type { Alert } from '../core/alert.ts'
import { canonical } from '../core/canonical.ts'
import type { NewEvent } from '../core/events.ts'
import { readStoredObject } from '../core/stored-json.ts'
import { lockName } from './advisory-locks.ts'
import { transaction, type Connection, type Database, type Queryable } from './database.ts'
import { wantSample } from './detection.ts'
import { recordEvents } from './record.ts'

/** How many alerts of one incident, and how many ends of them, are each an event of its history; the others are only counted and listed. */
export const ALERT_EVENTS = 50
/** Unmatched alerts that were not repeated for this long are deleted. */
const KEEP_UNMATCHED = '7 days'

/** An alert that fires, or its end, as an event of its incident. */
export function alertEvent({ source, fingerprint, status, labels, url, startsAt }: Alert): NewEvent<'alert'> {
  return { actor: `alert:${source}`, kind: 'alert', data: { source, fingerprint, status, labels, url, startsAt } }
}

/**
 * Records that an alert stopped firing. Returns the incident to which it belongs; null if it was never received as firing, or could not be
 * matched. `wantsSample`: the incident waits at a gate, so its symptom must be sampled now.
 */
export async function resolveAlert(
  database: Database,
  alert: Alert,
): Promise<{ incident: string | null; known: boolean; wantsSample?: boolean }> {
  return transaction(database, async (connection) => {
    await lockName(connection, 'alert', `${alert.source}/${alert.fingerprint}`)
    const before = await connection.query<{ incident: string | null; status: Alert['status'] }>(
      `SELECT incident, status FROM runbook.alerts WHERE source = $1 AND fingerprint = $2`,
      [alert.source, alert.fingerprint],
    )
    const known = before.rows[0]
    if (!known) return { incident: null, known: false }
    await connection.query(
      `UPDATE runbook.alerts SET status = 'resolved', last_at = clock_timestamp(), resolved_at = coalesce(resolved_at, clock_timestamp()),
         starts_at = coalesce($3, starts_at), deliveries = deliveries + 1 WHERE source = $1 AND fingerprint = $2`,
      [alert.source, alert.fingerprint, alert.startsAt],
    )
    if (known.status !== 'firing' || !known.incident) return { incident: known.incident, known: true }
    if (await isRecorded(connection, known.incident, alert.source))
      await recordEvents(connection, known.incident, [alertEvent(alert)])
    return { incident: known.incident, known: true, wantsSample: await wantSample(connection, known.incident) }
  })
}

/**
 * Whether the end of this alert is an event of the incident's history too: the incident is open, and its alerts of this source have not
 * ended too often. An alert that fires and ends again and again must not fill the history.
 */
async function isRecorded(connection: Connection, incident: string, source: Alert['source']): Promise<boolean> {
  const counted = await connection.query<{ recorded: boolean }>(
    `INSERT INTO runbook.tallies AS t (incident, actor, what, count)
     SELECT id, $2, 'alert-ends', 1 FROM runbook.incidents WHERE id = $1 AND closed_at IS NULL
     ON CONFLICT (incident, actor, what) DO UPDATE SET count = t.count + 1 RETURNING count <= $3 AS recorded`,
    [incident, `alert:${source}`, ALERT_EVENTS],
  )
  return counted.rows[0]?.recorded === true
}

/** Removes the alerts without an incident that were not repeated for long. */
const FORGET_OLD = `DELETE FROM runbook.alerts WHERE incident IS NULL AND (held IS NULL OR status = 'resolved')
  AND last_at < clock_timestamp() - $9::interval`

/** Stores an alert that could not be used, so that a person can find out why. */
export async function keepUnmatched(database: Database, alert: Alert, problem: string): Promise<void> {
  await database.query(
    // oxlint-disable-next-line runbook/sql-text -- a constant of this file
    `WITH old AS (${FORGET_OLD})
     INSERT INTO runbook.alerts AS a (source, fingerprint, status, problem, labels, annotations, url, starts_at, resolved_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $3 = 'resolved' THEN clock_timestamp() END)
     ON CONFLICT (source, fingerprint) DO UPDATE SET status = excluded.status, problem = excluded.problem, labels = excluded.labels,
       annotations = excluded.annotations, url = excluded.url, starts_at = excluded.starts_at, last_at = clock_timestamp(),
       resolved_at = excluded.resolved_at, deliveries = a.deliveries + 1, incident = NULL, held = NULL`,
    withoutIncident(alert, problem),
  )
}

const ENDED_FIRST = 'the alert had ended when it was first received, so it opened nothing'

/**
 * Stores the end of an alert that was never received as firing. Its start may still arrive, from a slower instance of the source or in the
 * same delivery, and must then open nothing. Returns false if the start has been received in the meantime; then nothing is stored.
 */
export async function keepEndedFirst(database: Database, alert: Alert): Promise<boolean> {
  return transaction(database, async (connection) => {
    // The start may be being stored now.
    await lockName(connection, 'alert', `${alert.source}/${alert.fingerprint}`)
    const stored = await connection.query(
      // oxlint-disable-next-line runbook/sql-text -- a constant of this file
      `WITH old AS (${FORGET_OLD})
       INSERT INTO runbook.alerts (source, fingerprint, status, problem, labels, annotations, url, starts_at, resolved_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp()) ON CONFLICT (source, fingerprint) DO NOTHING`,
      withoutIncident(alert, ENDED_FIRST),
    )
    return stored.rowCount === 1
  })
}

function withoutIncident({ source, fingerprint, status, labels, annotations, url, startsAt }: Alert, problem: string) {
  return [
    source,
    fingerprint,
    status,
    problem,
    canonical(labels),
    canonical(annotations),
    url,
    startsAt,
    KEEP_UNMATCHED,
  ]
}

export interface StoredAlert {
  source: string
  fingerprint: string
  status: Alert['status']
  incident: string | null
  /** Why the alert has no incident. */
  problem: string | null
  /** The labels, as JSON text. */
  labels: string
  /** The annotations, as JSON text. */
  annotations: string
  url: string | null
  startsAt: Date | null
  firstAt: Date
  lastAt: Date
  resolvedAt: Date | null
  deliveries: number
}

export const COLUMNS = `source, fingerprint, status, incident, problem, labels, annotations, url, starts_at AS "startsAt", first_at AS "firstAt",
  last_at AS "lastAt", resolved_at AS "resolvedAt", deliveries::integer AS deliveries`

/** The alerts of an incident, oldest first. */
export async function readAlerts(db: Queryable, incident: string, limit: number): Promise<StoredAlert[]> {
  const found = await db.query<StoredAlert>(
    `SELECT ${COLUMNS} FROM runbook.alerts WHERE incident = $1 ORDER BY first_at LIMIT $2`,
    [incident, limit],
  )
  return found.rows
}

/** The alerts that could not be used, the latest first. */
export async function readUnmatched(db: Queryable, limit: number): Promise<StoredAlert[]> {
  const found = await db.query<StoredAlert>(
    `SELECT ${COLUMNS} FROM runbook.alerts WHERE incident IS NULL AND held IS NULL ORDER BY last_at DESC LIMIT $1`,
    [limit],
  )
  return found.rows
}

/** What an alert that fires now would find. */
export interface AlertState {
  /** The incident that is open under the key. */
  open: string | null
  /** The key's last incident, and until when its key is quiet; null when it is not quiet. */
  quiet: { incident: string; until: Date } | null
  /**
   * The alert with the content that was received last; null if it was never received. `quietUntil`: its incident has closed, and until this
   * time a repetition of the same alert is only counted.
   */
  last: (Pick<StoredAlert, 'status' | 'incident' | 'startsAt'> & { quietUntil: Date | null }) | null
}

/** Reads what `acceptAlert` would find. Changes nothing. */
export async function readAlertState(
  db: Queryable,
  alert: Alert,
  { type, key, quietMs }: { type: string; key: string; quietMs: number },
): Promise<AlertState> {
  const open = await db.query<{ id: string }>(
    'SELECT id FROM runbook.incidents WHERE type = $1 AND key = $2 AND closed_at IS NULL',
    [type, key],
  )
  const quiet = await db.query<{ incident: string; until: Date }>(
    `SELECT id AS incident, closed_at + $3 * interval '1 millisecond' AS until FROM runbook.incidents
     WHERE number = (SELECT max(number) FROM runbook.incidents WHERE key = $2 AND type = $1)
       AND closed_at > clock_timestamp() - $3 * interval '1 millisecond' AND outcome NOT IN ('resolved', 'cleared') AND symptom_gone_at IS NULL`,
    [type, key, quietMs],
  )
  const last = await db.query<NonNullable<AlertState['last']>>(
    `SELECT a.status, a.incident, a.starts_at AS "startsAt", i.closed_at + $5 * interval '1 millisecond' AS "quietUntil"
     FROM runbook.alerts a LEFT JOIN runbook.incidents i ON i.id = a.incident AND i.type = $3 AND i.key = $4
       AND i.closed_at > clock_timestamp() - $5 * interval '1 millisecond'
     WHERE a.source = $1 AND a.fingerprint = $2`,
    [alert.source, alert.fingerprint, type, key, quietMs],
  )
  return { open: open.rows[0]?.id ?? null, quiet: quiet.rows[0] ?? null, last: last.rows[0] ?? null }
}

/** Empty for a text that was changed after it was stored and cannot be read. */
export function textsOf(stored: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(readStoredObject(stored) ?? {}).map(([name, value]) => [name, String(value)]),
  )
}
