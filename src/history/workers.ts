import type { Database, Queryable } from './database.ts'

/** The interval at which a worker reports. */
export const REPORT_INTERVAL_MS = 10_000

/** How often and for how long a worker stood still since it started. */
export interface WorkerStalls {
  count: number
  maxMs: number
  /** The last stall, and how long ago it ended. */
  last?: { ms: number; agoMs: number }
}

export interface WorkerReport {
  id: string
  /** The name of the worker, `pid@host`, as Temporal shows it. */
  identity: string
  irVersion: number
  /** The public keys of the engine whose decisions this worker accepts; null if it applies no remedies, or ends. */
  signingKeys: string[] | null
  stalls: WorkerStalls
}

/** How long the rows of workers that ended are kept, for the doctor and for incidents that wait for their version. */
const KEPT_DAYS = 7

/**
 * Stores that the worker runs, and its stalls. All values count from the worker's start, so if one report is lost, the next report contains
 * the same information.
 */
export async function reportWorker(
  database: Database,
  { id, identity, irVersion, signingKeys, stalls }: WorkerReport,
): Promise<void> {
  const { count, maxMs, last } = stalls
  await database.query(
    `INSERT INTO runbook.workers AS w (id, identity, ir_version, stalls, max_stall_ms, last_stall_ms, last_stall_at, signing_keys)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() - $7 * interval '1 millisecond', $8)
     ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), signing_keys = excluded.signing_keys, stalls = excluded.stalls, max_stall_ms = excluded.max_stall_ms,
       last_stall_ms = excluded.last_stall_ms,
       last_stall_at = CASE WHEN w.stalls = excluded.stalls THEN w.last_stall_at ELSE excluded.last_stall_at END`,
    [
      id,
      identity,
      irVersion,
      count,
      Math.round(maxMs),
      last ? Math.round(last.ms) : null,
      last ? Math.round(last.agoMs) : null,
      signingKeys,
    ],
  )
}

export async function forgetOldWorkers(database: Queryable): Promise<void> {
  await database.query("DELETE FROM runbook.workers WHERE seen_at < clock_timestamp() - $1 * interval '1 day'", [
    KEPT_DAYS,
  ])
}

export interface KnownWorker {
  identity: string
  irVersion: number
  /** Null: it applies no remedies, or is of a version that does not report this. */
  signingKeys: string[] | null
  /** Milliseconds since its last report. */
  silentMs: number
  stalls: number
  maxStallMs: number
  lastStallMs: number | null
  /** When the worker started (ISO 8601, UTC). */
  lastStallAt: string | null
  /** The milliseconds since the worker's last stall. */
  lastStallAgoMs: number | null
}

/** The workers of the last days, the most recently seen first. */
export async function readWorkers(db: Queryable): Promise<KnownWorker[]> {
  const found = await db.query<KnownWorker>(
    `SELECT identity, ir_version AS "irVersion", signing_keys AS "signingKeys", stalls,
       (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::float8 AS "silentMs",
       max_stall_ms::float8 AS "maxStallMs", last_stall_ms::float8 AS "lastStallMs",
       to_char(last_stall_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "lastStallAt",
       (extract(epoch FROM clock_timestamp() - last_stall_at) * 1000)::float8 AS "lastStallAgoMs"
     FROM runbook.workers ORDER BY seen_at DESC LIMIT 100`,
  )
  return found.rows
}

/** A worker counts as running if it reported within this time. */
export const RUNS_MS = 3 * REPORT_INTERVAL_MS
/** A worker that has not reported for this long is no longer shown. */
const FORGET_WORKER_MS = 3_600_000

/**
 * The workers of the last hour, the most recently seen first. Of several workers with the same process id and host, only the latest is
 * returned.
 */
export async function readRecentWorkers(db: Queryable): Promise<KnownWorker[]> {
  const recent = (await readWorkers(db)).filter(({ silentMs }) => silentMs < FORGET_WORKER_MS)
  // In a container, a worker that was started again often has the same process id and host as the worker before.
  return recent.filter(({ identity }, i) => recent.findIndex((one) => one.identity === identity) === i)
}
