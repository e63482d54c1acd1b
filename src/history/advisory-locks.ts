import type { Queryable } from './database.ts'

/**
 * Every advisory lock that the engine takes. PostgreSQL compares advisory locks within the whole database, not within a schema: if the
 * engine's tables and a ledger are in the same database, equal numbers are the same lock. So all numbers are in this list, and each occurs
 * once. Migrations cannot import this list; a test compares the numbers in their SQL with the list.
 */
export const ADVISORY_LOCKS = {
  /** Session lock in the engine's database: one process migrates, the others wait. */
  historyMigrations: 7_214_455_001,
  /**
   * A lock in the engine's database. A transaction that grants a permit holds it shared from the time at which it reads the controls until
   * its commit. `freeze` takes it after its row is committed: once it has the lock, no permit can be granted any more that did not see the
   * row. The previous version's `runbook.turn_control` holds this lock while it changes a control (0003-controls.sql,
   * 0012-controls-without-waiting.sql).
   */
  controls: 7_214_455_002,
  /** Session lock in a diagnosed database: one process migrates the ledger, the others wait. */
  ledgerMigrations: 7_214_455_003,
  /** The lock in the engine's database of the one process that finds the channels for new events. */
  outbox: 7_214_455_004,
} as const

export type AdvisoryLock = (typeof ADVISORY_LOCKS)[keyof typeof ADVISORY_LOCKS]

/**
 * Locks by name, in the engine's database: `hashtextextended(name, seed)`. Each kind of name has another seed, so that equal names of two
 * kinds are two different locks. If two names have the same hash, one transaction waits longer than necessary, which does no harm.
 */
export const LOCK_SEEDS = {
  /** The seed for the `Idempotency-Key` of a request. */
  idempotencyKey: 0,
  /** The seed for `<runbook>/<remedy>`. The permits of a remedy are counted one after the other. */
  remedyLimits: 1,
  /** The seed for an incident's key. It is also written in `accept_incident` (src/history/migrations). */
  incidentKey: 2,
  /** The seed for the name of the connection whose verdicts are counted. */
  breaker: 3,
  /** The seed for `<source>/<fingerprint>` of an alert. It is also written in the migration that has `accept_alert`. */
  alert: 4,
} as const

/** Waits for a lock and holds it until the session ends. */
export async function lockSession(client: Queryable, lock: AdvisoryLock): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [lock])
}

/** Waits for a lock and shares it with other holders of `lockShared`, until the transaction ends. */
export async function lockShared(connection: Queryable, lock: AdvisoryLock): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock_shared($1)', [lock])
}

/** Waits until nobody else holds the lock, and holds it until the transaction ends. */
export async function lockExclusively(connection: Queryable, lock: AdvisoryLock): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock($1)', [lock])
}

/** Takes the lock until the transaction ends, unless somebody else holds it. Returns whether it was taken. */
export async function tryExclusively(connection: Queryable, lock: AdvisoryLock): Promise<boolean> {
  const found = await connection.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [lock])
  return found.rows[0]!.taken
}

/** Waits for the lock of a name and holds it until the transaction ends. */
export async function lockName(connection: Queryable, kind: keyof typeof LOCK_SEEDS, name: string): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, $2))', [name, LOCK_SEEDS[kind]])
}

/** A session on PostgreSQL's server that holds a lock. */
export interface LockHolder {
  pid: number
  role: string
}

/** The other sessions that hold the lock. */
export async function holdersOf(db: Queryable, lock: AdvisoryLock): Promise<LockHolder[]> {
  const found = await db.query<LockHolder>(
    `SELECT DISTINCT l.pid, coalesce(a.usename, '') AS role FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (l.classid::bigint << 32) + l.objid::bigint = $1 AND l.objsubid = 1`,
    [lock],
  )
  return found.rows
}

/** The other sessions that are changing a control and make this one wait. */
export async function controlChangers(db: Queryable): Promise<LockHolder[]> {
  const found = await db.query<LockHolder>(
    `SELECT DISTINCT l.pid, coalesce(a.usename, '') AS role FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
     WHERE l.relation = 'runbook.control_events'::regclass AND l.mode <> 'AccessShareLock' AND l.granted AND l.pid <> pg_backend_pid()`,
  )
  return found.rows
}
