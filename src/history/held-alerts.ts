import type { Alert, AlertSource } from '../core/alert.ts'
import { canonical } from '../core/canonical.ts'
import type { NewIncident } from './accept.ts'
import { lockName } from './advisory-locks.ts'
import { accept, type AcceptedAlert, type AlertRequest } from './accept-alert.ts'
import { COLUMNS, textsOf, type StoredAlert } from './alerts.ts'
import { transaction, type Database, type Queryable } from './database.ts'

/**
 * Records an alert that fires during maintenance and opens nothing. False if it is to be accepted as usual: its incident or one of its key
 * is open, or its end was received already.
 */
export async function holdAlert(
  database: Database,
  alert: Alert,
  { type, key, inputs }: Pick<NewIncident, 'type' | 'key' | 'inputs'>,
  why: string,
): Promise<boolean> {
  const { source, fingerprint, labels, annotations, url, startsAt } = alert
  return transaction(database, async (connection) => {
    // In the order of accept_alert.
    await lockName(connection, 'alert', `${source}/${fingerprint}`)
    await lockName(connection, 'incidentKey', key)
    if (!(await maintenanceHolds(connection, alert, { type, key }))) return false
    await connection.query(
      `INSERT INTO runbook.alerts AS a (source, fingerprint, status, problem, labels, annotations, url, starts_at, held)
       VALUES ($1, $2, 'firing', $3, $4, $5, $6, $7, $8)
       ON CONFLICT (source, fingerprint) DO UPDATE SET status = 'firing', incident = NULL, problem = excluded.problem, labels = excluded.labels,
         annotations = excluded.annotations, url = excluded.url, starts_at = excluded.starts_at, last_at = clock_timestamp(),
         resolved_at = NULL, deliveries = a.deliveries + 1, held = excluded.held`,
      [source, fingerprint, why, canonical(labels), canonical(annotations), url, startsAt, canonical({ type, inputs })],
    )
    return true
  })
}

/** Whether a maintenance window that covers the runbook holds this alert back. */
export async function maintenanceHolds(
  db: Queryable,
  { source, fingerprint, startsAt }: Alert,
  { type, key }: Pick<NewIncident, 'type' | 'key'>,
): Promise<boolean> {
  const usual = await db.query(
    `SELECT WHERE EXISTS (SELECT FROM runbook.incidents WHERE type = $3 AND key = $4 AND closed_at IS NULL)
       OR EXISTS (SELECT FROM runbook.alerts a JOIN runbook.incidents i ON i.id = a.incident
         WHERE a.source = $1 AND a.fingerprint = $2 AND i.closed_at IS NULL)
       OR EXISTS (SELECT FROM runbook.alerts WHERE source = $1 AND fingerprint = $2 AND status = 'resolved' AND starts_at = $5)`,
    [source, fingerprint, type, key, startsAt],
  )
  return usual.rowCount === 0
}

const HELD = `held IS NOT NULL AND incident IS NULL AND status = 'firing'`

/**
 * Some of the alerts that fire and are held back. They are chosen at random, so that each has its turn: those whose maintenance lasts for
 * long must not keep others from being released.
 */
export async function readHeld(db: Queryable, limit: number): Promise<{ alert: Alert; held: string }[]> {
  const found = await db.query<StoredAlert & { source: AlertSource; held: string }>(
    `SELECT ${COLUMNS}, held FROM runbook.alerts WHERE ${HELD} ORDER BY random() LIMIT $1`,
    [limit],
  )
  return found.rows.map(({ held, source, fingerprint, status, labels, annotations, url, startsAt }) => ({
    held,
    alert: {
      ...{ source, fingerprint, status, url },
      labels: textsOf(labels),
      annotations: textsOf(annotations),
      startsAt: startsAt && startsAt.toISOString(),
    },
  }))
}

export async function countHeldAlerts(db: Queryable): Promise<number> {
  const found = await db.query<{ count: number }>(`SELECT count(*)::int AS count FROM runbook.alerts WHERE ${HELD}`)
  return found.rows[0]!.count
}

/** Accepts an alert that was held back. Undefined if it was released or ended after it was read. */
export async function acceptHeld(
  database: Database,
  alert: Alert,
  request: AlertRequest,
): Promise<AcceptedAlert | undefined> {
  return transaction(database, async (connection) => {
    await lockName(connection, 'alert', `${alert.source}/${alert.fingerprint}`)
    return (await endHold(connection, alert, null)) ? accept(connection, alert, request, undefined) : undefined
  })
}

/**
 * Stops holding an alert back. `problem`: why it opens nothing; it is then listed for a week as an alert with which nothing could be done.
 * False if the alert was released or ended before.
 */
export async function endHold(db: Queryable, { source, fingerprint }: Alert, problem: string | null): Promise<boolean> {
  const ended = await db.query(
    // oxlint-disable-next-line runbook/sql-text -- a constant of this file
    `UPDATE runbook.alerts SET held = NULL, problem = $3, last_at = CASE WHEN $3::text IS NULL THEN last_at ELSE clock_timestamp() END
     WHERE source = $1 AND fingerprint = $2 AND ${HELD}`,
    [source, fingerprint, problem],
  )
  return ended.rowCount === 1
}
