import { readStoredProposal } from '../core/parse-proposal.ts'
import type { Queryable } from '../history/database.ts'

/** A permit whose actions are not all recorded, so that one of them may be running, or may still be applied. */
export interface PermitInFlight {
  incident: string
  gate: string
  target: string
  /** When the permit was granted (ISO 8601, UTC). */
  issuedAt: string
}

/** Permits in open incidents that may still lead to an effect, oldest first. A freeze does not revoke these permits. */
export async function permitsInFlight(db: Queryable): Promise<PermitInFlight[]> {
  const found = await db.query<PermitInFlight & { proposal: string; recorded: string[] }>(
    `SELECT g.incident, p.gate, p.target, to_char(p.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "issuedAt", g.proposal,
       ARRAY(SELECT e.action FROM runbook.effects e WHERE e.gate = p.gate AND e.target = p.target) AS recorded
     FROM runbook.incidents i JOIN runbook.gates g ON g.incident = i.id JOIN runbook.permits p ON p.gate = g.id
     WHERE i.closed_at IS NULL AND i.state = 'applying' ORDER BY p.issued_at, p.gate, p.target`,
  )
  return found.rows
    .filter(({ proposal, target, recorded }) => actionsOf(proposal, target).some((id) => !recorded.includes(id)))
    .map(({ incident, gate, target, issuedAt }) => ({ incident, gate, target, issuedAt }))
}

/**
 * The ids of the target's actions that need a permit. If the proposal cannot be read, this is one invented id, so that the permit counts as
 * not recorded.
 */
function actionsOf(proposal: string, target: string): string[] {
  const read = readStoredProposal(proposal)
  if (!read) return ['']
  return read.actions
    .filter((one) => one.target === target && !['manual', 'notify'].includes(one.kind))
    .map(({ id }) => id)
}
