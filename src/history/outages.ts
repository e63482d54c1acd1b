import { transaction, type Database, type Queryable } from './database.ts'
import { recordEvents } from './record.ts'

/** A connection that an incident waits for. */
export interface Outage {
  connection: string
  /** The error of the connection, in one sentence. */
  why: string
  since: Date
  /** The time at which the incident stops waiting. */
  until: Date
}

export interface NewOutage {
  connection: string
  why: string
  /** The stage at which the incident waits, such as `r1/check`. */
  stage: string
  /** The maximum time to wait, in milliseconds. */
  waitMs: number
  /** The latest time at which the wait ends, whatever `waitMs` says. */
  latest?: Date
}

/**
 * Begins to wait for a connection, or continues a wait. The time counts from the first call for a stage. Returns the wait, and whether its
 * time is over according to the database's clock.
 */
export async function beginOutage(
  database: Database,
  incident: string,
  { connection, why, stage, waitMs, latest }: NewOutage,
): Promise<Outage & { isOver: boolean }> {
  return transaction(database, async (db) => {
    const begun = await db.query<{ until: Date }>(
      `INSERT INTO runbook.outages AS o (incident, connection, stage, why, until)
       VALUES ($1, $2, $3, $4, least(clock_timestamp() + $5 * interval '1 millisecond', $6))
       ON CONFLICT (incident, connection) DO UPDATE
         SET stage = excluded.stage, why = excluded.why, since = excluded.since, until = excluded.until, ended_at = NULL WHERE o.stage <> excluded.stage
       RETURNING until`,
      [incident, connection, stage, why, waitMs, latest ?? null],
    )
    const [first] = begun.rows
    if (first) {
      const data = { connection, why, stage, until: first.until.toISOString() }
      await recordEvents(db, incident, [{ actor: 'engine', kind: 'unreachable', data }])
    }
    const found = await db.query<Outage & { isOver: boolean }>(
      `SELECT connection, why, since, until, until <= clock_timestamp() OR ended_at IS NOT NULL AS "isOver" FROM runbook.outages
       WHERE incident = $1 AND connection = $2`,
      [incident, connection],
    )
    return found.rows[0]!
  })
}

/**
 * Ends the waits of an incident, because its connections can be used again (`answered`) or because it continues without them. Returns the
 * connections for which it waited.
 */
export async function endOutages(
  database: Database,
  incident: string,
  answered: boolean,
): Promise<{ connection: string; tookMs: number }[]> {
  return transaction(database, async (db) => {
    const waiting = await db.query<{ connection: string; tookMs: number }>(
      `UPDATE runbook.outages SET ended_at = clock_timestamp() WHERE incident = $1 AND ended_at IS NULL
       RETURNING connection, round(extract(epoch FROM clock_timestamp() - since) * 1000)::float8 AS "tookMs"`,
      [incident],
    )
    if (answered) await db.query('DELETE FROM runbook.outages WHERE incident = $1', [incident])
    await recordEvents(
      db,
      incident,
      waiting.rows.map((data) => ({ actor: 'engine', kind: 'waited', data: { ...data, answered } })),
    )
    return waiting.rows
  })
}

/** A connection for which open incidents wait. */
export interface WaitedFor {
  connection: string
  incidents: number
  /** The start of the longest wait. */
  since: Date
  /** How long the longest wait has lasted so far, in seconds. */
  longestSeconds: number
  /** The error of the connection in one of these incidents. */
  why: string
}

export async function readWaitedFor(db: Queryable): Promise<WaitedFor[]> {
  const found = await db.query<WaitedFor>(
    `SELECT o.connection, count(*)::int AS incidents, min(o.since) AS since, max(o.why) AS why,
       extract(epoch FROM clock_timestamp() - min(o.since))::float8 AS "longestSeconds"
     FROM runbook.outages o JOIN runbook.incidents i ON i.id = o.incident
     WHERE o.ended_at IS NULL AND i.closed_at IS NULL GROUP BY o.connection ORDER BY o.connection`,
  )
  return found.rows
}
