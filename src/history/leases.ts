import type { Queryable } from './database.ts'

/**
 * Ends the leases that an incident's rounds still hold: a new proposal, or the incident's end, means that the round before is over.
 * Should one of its processes live on, the fences in the targets refuse it.
 */
export async function releaseLeases(db: Queryable, incident: string): Promise<void> {
  await db.query(
    `UPDATE runbook.leases SET until = clock_timestamp() WHERE starts_with(holder, $1) AND until > clock_timestamp()`,
    [`${incident}.r`],
  )
}
