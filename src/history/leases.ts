import type { Connection, Queryable } from './database.ts'

/**
 * A waiter that has not asked for the lease for this time is passed over, because its process may have died, or its incident may have
 * ended.
 */
const WAITER_GONE_MS = 20_000

/**
 * Why a lease was refused. `ahead` is the number of waiters that get the lease before this one. It is 0 if only the holder is in the way.
 */
export type LeaseAnswer = { fence: number } | { ahead: number }

/**
 * Takes the lease and returns its new fence. Refused while another gate holds it, and while a gate that asked earlier
 * still waits. A gate that is refused is remembered as waiting, and must ask again.
 *
 * Targets of the same gate may share a lease. The actions on them run one after the other, and each target takes over the lease with a higher fence.
 */
export async function takeLease(
  connection: Connection,
  name: string,
  holder: string,
  leaseMs: number,
): Promise<LeaseAnswer> {
  const { ahead, waits } = await placeInLine(connection, name, holder)
  if (ahead === 0) {
    const taken = await connection.query<{ fence: string }>(
      `INSERT INTO runbook.leases AS l (name, holder, fence, until)
       VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = l.fence + 1, until = excluded.until
       WHERE l.holder = excluded.holder OR l.until <= clock_timestamp()
       RETURNING fence`,
      [name, holder, leaseMs],
    )
    const [row] = taken.rows
    if (row) {
      if (waits)
        await connection.query('DELETE FROM runbook.lease_waiters WHERE name = $1 AND holder = $2', [name, holder])
      return { fence: Number(row.fence) }
    }
  }
  await connection.query(
    `INSERT INTO runbook.lease_waiters (name, holder) VALUES ($1, $2)
     ON CONFLICT (name, holder) DO UPDATE SET asked_at = clock_timestamp()`,
    [name, holder],
  )
  return { ahead }
}

/**
 * How many other gates asked earlier and still wait, and whether this gate is recorded as waiting. Nobody is ahead of
 * the gate that holds the lease.
 */
async function placeInLine(
  connection: Connection,
  name: string,
  holder: string,
): Promise<{ ahead: number; waits: boolean }> {
  const found = await connection.query<{ ahead: number; waits: boolean }>(
    `SELECT count(*) FILTER (WHERE w.holder <> $2 AND w.asked_at > clock_timestamp() - $3 * interval '1 millisecond'
         AND (own.since IS NULL OR (w.since, w.holder) < (own.since, own.holder))
         AND NOT EXISTS (SELECT FROM runbook.leases l WHERE l.name = $1 AND l.holder = $2 AND l.until > clock_timestamp()))::int AS ahead,
       count(own.since) > 0 AS waits
     FROM runbook.lease_waiters w LEFT JOIN runbook.lease_waiters own ON own.name = $1 AND own.holder = $2
     WHERE w.name = $1`,
    [name, holder, WAITER_GONE_MS],
  )
  return found.rows[0]!
}

/**
 * Ends the leases that an incident's rounds still hold, and removes the incident from the lists of waiters. This function is called for a
 * new proposal and at the incident's end, because the previous round is over then. If a process of that round is still running, the fences
 * in the targets refuse its writes. An action without a fence whose end was not recorded may still be running: its lease is kept until it
 * expires, which is after the action's timeout.
 */
export async function releaseLeases(db: Queryable, incident: string): Promise<void> {
  await db.query('DELETE FROM runbook.lease_waiters WHERE starts_with(holder, $1)', [`${incident}.r`])
  await db.query(
    `UPDATE runbook.leases l SET until = clock_timestamp()
     WHERE starts_with(l.holder, $1) AND l.until > clock_timestamp() AND NOT EXISTS (
       SELECT FROM runbook.permits p WHERE p.gate = l.holder AND p.lease = l.name AND (
         EXISTS (SELECT FROM runbook.effects e WHERE e.gate = p.gate AND e.target = p.target AND e.result = 'unknown')
         OR EXISTS (SELECT FROM runbook.intents i LEFT JOIN runbook.effects e USING (gate, action, target)
           WHERE i.gate = p.gate AND i.target = p.target AND e.result IS NULL)))`,
    [`${incident}.r`],
  )
}
