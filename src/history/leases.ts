import type { Queryable } from './database.ts'

/**
 * Ends the leases that an incident's rounds still hold: a new proposal, or the incident's end, means that the round before is over.
 * Should one of its processes live on, the fences in the targets refuse it. What was begun outside of any fence and not seen to end
 * may still go on: its lease runs out by itself, which is after the command.
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
