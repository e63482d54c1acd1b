import type { Queryable } from './database.ts'

/**
 * Ends the leases that an incident's rounds still hold. Called for a new proposal and at the incident's end: the round before is over.
 * If one of its processes is still running, the fences in the targets refuse its writes. An action without a fence whose end was not
 * recorded may still be running: its lease is kept until it expires, which is after the action's timeout.
 */
export async function releaseLeases(db: Queryable, incident: string): Promise<void> {
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
