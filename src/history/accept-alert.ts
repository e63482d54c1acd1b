import pg from 'pg'
import type { Alert, AlertResult } from '../core/alert.ts'
import { canonical } from '../core/canonical.ts'
import type { NewEvent } from '../core/events.ts'
import { formatPlace } from '../core/place.ts'
import type { NewIncident } from './accept.ts'
import { ALERT_EVENTS, alertEvent } from './alerts.ts'
import { statement, type Connection, type Database } from './database.ts'

export interface AcceptedAlert {
  result: AlertResult
  /** Null for a late alert that never had an incident. */
  incident: string | null
  occurrences: number | null
  /** Of the workflow to start; null unless the incident is new. */
  workflowId: string | null
}

export type AlertRequest = NewIncident & { quietMs: number }

interface Waiting {
  /** The columns that `runbook.accept_alerts` reads. */
  row: object
  resolve(accepted: AcceptedAlert): void
  reject(error: unknown): void
}

/** Statements of one process that accept alerts at the same time. */
const AT_ONCE = 2
/** Alerts that one statement accepts. */
const MAX_TOGETHER = 100

const queues = new WeakMap<Database, { waiting: Waiting[]; running: number }>()

/**
 * An alert that fires opens an incident or joins one. Returns after the commit. `delivery`: its id, where the source sends one. Alerts that
 * arrive while others are being accepted wait for them, and are then accepted together: in a storm, a commit for each alert would take
 * most of the time.
 */
export function acceptAlert(
  database: Database,
  alert: Alert,
  request: AlertRequest,
  delivery: string | undefined,
): Promise<AcceptedAlert> {
  const row = rowOf(alert, request, delivery)
  let queue = queues.get(database)
  if (!queue) queues.set(database, (queue = { waiting: [], running: 0 }))
  const { waiting } = queue
  return new Promise((resolve, reject) => {
    waiting.push({ row, resolve, reject })
    void acceptWaiting(database)
  })
}

async function acceptWaiting(database: Database): Promise<void> {
  const queue = queues.get(database)!
  if (queue.running >= AT_ONCE) return
  queue.running += 1
  while (queue.waiting.length > 0) await acceptTogether(database, queue.waiting.splice(0, MAX_TOGETHER))
  queue.running -= 1
}

/** Never throws: each alert gets its own result or error. */
async function acceptTogether(database: Database, alerts: Waiting[]): Promise<void> {
  try {
    const accepted = await store(database, alerts)
    for (const [index, { resolve }] of alerts.entries()) resolve(accepted[index]!)
  } catch (error) {
    // The database refuses one of them: the others must not suffer for it.
    if (alerts.length > 1 && error instanceof pg.DatabaseError)
      for (const one of alerts) await acceptTogether(database, [one])
    else for (const { reject } of alerts) reject(error)
  }
}

async function store(database: Database, alerts: Waiting[]): Promise<AcceptedAlert[]> {
  return statement(database, (connection) =>
    acceptRows(
      connection,
      alerts.map(({ row }) => row),
    ),
  )
}

/** Like `acceptAlert`, in an open transaction. */
export async function accept(
  connection: Connection,
  alert: Alert,
  request: AlertRequest,
  delivery: string | undefined,
): Promise<AcceptedAlert> {
  return (await acceptRows(connection, [rowOf(alert, request, delivery)]))[0]!
}

/** Accepts the alerts as one statement, and returns their results in the same order. */
async function acceptRows(connection: Connection, rows: object[]): Promise<AcceptedAlert[]> {
  const stored = await connection.query<AcceptedAlert>(
    `SELECT result, incident, occurrences, workflow_id AS "workflowId" FROM runbook.accept_alerts($1, $2) ORDER BY index`,
    [JSON.stringify(rows.map((row, index) => ({ ...row, index }))), ALERT_EVENTS],
  )
  return stored.rows
}

function rowOf(alert: Alert, request: AlertRequest, delivery: string | undefined): object {
  const { type, runbook, planDigest, key, inputs, requester, quietMs } = request
  const opened: NewEvent<'opened'> = {
    place: formatPlace({ kind: 'opened' }),
    actor: requester,
    kind: 'opened',
    data: { type, runbook, planDigest, key, inputs },
  }
  const { source, fingerprint, labels, annotations, url, startsAt } = alert
  return {
    ...{ source, fingerprint, url, delivery, type, runbook, key, requester },
    labels: canonical(labels),
    annotations: canonical(annotations),
    starts_at: startsAt,
    plan_digest: planDigest,
    inputs: canonical(inputs),
    opened: canonical(opened),
    event: canonical(alertEvent(alert)),
    quiet_ms: quietMs,
  }
}
