import type { Queryable } from './database.ts'

/** What a maintenance window covers: one runbook, the runbooks that use a connection, or, if neither is named, everything. */
export interface MaintenanceScope {
  runbook: string | null
  connection: string | null
}

export interface StoredMaintenance extends MaintenanceScope {
  id: string
  reason: string
  person: string
  startsAt: Date
  endsAt: Date
  endedBy: string | null
  endedAt: Date | null
}

const COLUMNS = `id::text AS id, runbook, connection, reason, person, starts_at AS "startsAt", ends_at AS "endsAt", ended_by AS "endedBy",
  ended_at AS "endedAt"`

export async function insertMaintenance(
  db: Queryable,
  { runbook, connection, reason, person, forMs }: MaintenanceScope & { reason: string; person: string; forMs: number },
): Promise<StoredMaintenance> {
  const stored = await db.query<StoredMaintenance>(
    `INSERT INTO runbook.maintenance (runbook, connection, reason, person, starts_at, ends_at)
     SELECT $1, $2, $3, $4, at, at + $5 * interval '1 millisecond' FROM (SELECT clock_timestamp() AS at) now RETURNING ${COLUMNS}`,
    [runbook, connection, reason, person, forMs],
  )
  return stored.rows[0]!
}

/** Ends a window early. Returns undefined if it has already ended. */
export async function endMaintenanceRow(
  db: Queryable,
  id: string,
  person: string,
): Promise<StoredMaintenance | undefined> {
  const ended = await db.query<StoredMaintenance>(
    `UPDATE runbook.maintenance SET ended_by = $2, ended_at = clock_timestamp()
     WHERE id = $1 AND ended_at IS NULL AND ends_at > clock_timestamp() RETURNING ${COLUMNS}`,
    [id, person],
  )
  return ended.rows[0]
}

export async function readMaintenance(db: Queryable, id: string): Promise<StoredMaintenance | undefined> {
  const found = await db.query<StoredMaintenance>(`SELECT ${COLUMNS} FROM runbook.maintenance WHERE id = $1`, [id])
  return found.rows[0]
}

export async function readActiveMaintenance(db: Queryable): Promise<StoredMaintenance[]> {
  const found = await db.query<StoredMaintenance>(
    `SELECT ${COLUMNS} FROM runbook.maintenance WHERE ended_at IS NULL AND ends_at > clock_timestamp() ORDER BY id`,
  )
  return found.rows
}

/** The maintenance windows that were started most recently, the latest first. */
export async function readLastMaintenance(db: Queryable, limit: number): Promise<StoredMaintenance[]> {
  const found = await db.query<StoredMaintenance>(
    `SELECT ${COLUMNS} FROM runbook.maintenance ORDER BY starts_at DESC, id DESC LIMIT $1`,
    [limit],
  )
  return found.rows
}
