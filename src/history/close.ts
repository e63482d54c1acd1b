import type { Finding, Outcome } from '../core/incident.ts'
import type { Json } from '../core/json.ts'
import { transaction, type Database } from './database.ts'
import { releaseLeases } from './leases.ts'
import { recordEvents, type NewEvent } from './record.ts'

export interface Closing {
  incident: string
  outcome: Outcome
  /** One sentence for people. */
  reason: string
  /** What the last round found, where it led to no proposal. */
  findings?: { round: number; findings: Finding[] }
}

/**
 * Ends an incident. The first closing stands: a second one, after a crash or from the reconciler, changes nothing and returns
 * the outcome that was stored. Gates that are still open are voided.
 */
export async function closeIncident(
  database: Database,
  closing: Closing,
): Promise<{ outcome: Outcome; reason: string }> {
  const { incident, outcome, reason } = closing
  return transaction(database, async (connection) => {
    const events: NewEvent[] = closing.findings ? [findingsEvent(closing.findings)] : []
    events.push({ place: 'closed', actor: 'engine', kind: 'closed', data: { outcome, reason } })
    const stored = (await recordEvents(connection, incident, events)).at(-1)!
    const first = stored.data as { outcome: Outcome; reason: string }
    if (!stored.fresh) return { outcome: first.outcome, reason: first.reason }
    await connection.query(
      `UPDATE runbook.gates SET state = 'voided', why = 'the incident closed' WHERE incident = $1 AND state = 'open'`,
      [incident],
    )
    await connection.query(
      `UPDATE runbook.incidents SET state = 'closed', outcome = $2, reason = $3, closed_at = clock_timestamp(),
       started_at = coalesce(started_at, clock_timestamp()) WHERE id = $1 AND closed_at IS NULL`,
      [incident, outcome, reason],
    )
    await releaseLeases(connection, incident)
    return { outcome, reason }
  })
}

/** All causes with what the evidence says of each, as one event of the round. */
export function findingsEvent({ round, findings }: { round: number; findings: Finding[] }): NewEvent {
  return {
    place: `r${round}/findings`,
    actor: 'engine',
    kind: 'findings',
    data: { round, findings: findings as unknown as Json },
  }
}
