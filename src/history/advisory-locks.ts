import type { Queryable } from './database.ts'

/**
 * Every advisory lock that the engine takes. PostgreSQL compares advisory locks within the whole database, not within a schema: when
 * the engine's tables and a ledger are in the same database, their locks share one number space. So each number is given out here,
 * once, and only here. (Migrations cannot import; a test compares the numbers in their SQL with these.)
 */
export const ADVISORY_LOCKS = {
  /** Session lock in the engine's database: one process migrates, the others wait. */
  historyMigrations: 7_214_455_001,
  /**
   * In the engine's database: `runbook.turn_control` takes it exclusively while it changes a control, a permit takes it shared while
   * it reads the controls. So no permit is granted after `freeze` has returned. The number is written in 0003-controls.sql.
   */
  controls: 7_214_455_002,
  /** Session lock in a diagnosed database: one process migrates the ledger, the others wait. */
  ledgerMigrations: 7_214_455_003,
} as const

export type AdvisoryLock = (typeof ADVISORY_LOCKS)[keyof typeof ADVISORY_LOCKS]

/**
 * Locks by name, in the engine's database: `hashtextextended(name, seed)`. Each kind of name has a seed of its own, so that equal names
 * of two kinds are two locks. Two names may have the same hash; then one transaction waits longer than it must, and nothing else.
 */
export const LOCK_SEEDS = {
  /** The `Idempotency-Key` of a request. */
  idempotencyKey: 0,
  /** `<runbook>/<remedy>`: the permits of a remedy are counted one after the other. */
  remedyLimits: 1,
  /** An incident's key. The seed is also written in 0004-one-statement.sql (`accept_incident`). */
  incidentKey: 2,
  /** The connection whose verdicts are counted. */
  breaker: 3,
} as const

/** Waits for a lock and holds it until the session ends. */
export async function lockSession(client: Queryable, lock: AdvisoryLock): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [lock])
}

/** Waits for a lock and shares it with other holders of `lockShared`, until the transaction ends. */
export async function lockShared(connection: Queryable, lock: AdvisoryLock): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock_shared($1)', [lock])
}

/** Waits for the lock of a name and holds it until the transaction ends. */
export async function lockName(connection: Queryable, kind: keyof typeof LOCK_SEEDS, name: string): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, $2))', [name, LOCK_SEEDS[kind]])
}

/** Process ids of the other sessions that hold the lock, at PostgreSQL's server. */
export async function holdersOf(db: Queryable, lock: AdvisoryLock): Promise<number[]> {
  const found = await db.query<{ pid: number }>(
    `SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::bigint << 32) + objid::bigint = $1 AND objsubid = 1`,
    [lock],
  )
  return found.rows.map(({ pid }) => pid)
}
