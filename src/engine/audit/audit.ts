import type { Keyring } from '../../gate/keyring.ts'
import { verifyChain, type ChainFault } from '../../history/chain.ts'
import { snapshot, type Database, type Queryable } from '../../history/database.ts'
import { checkpointFaults, makeCheckpoint, type Checkpoint, type SignedCheckpoint } from './checkpoint.ts'
import { controlFaults } from './controls.ts'
import { decisionFaults } from './decisions.ts'
import { vouchedFor } from './earlier-signatures.ts'
import { effectFaults, intentFaults, leaseFaults, permitFaults, verdictFaults } from './effects.ts'
import { gateFaults } from './gates.ts'
import { feedbackFaults, followUpFaults } from './follow-ups.ts'
import { evidenceFaults, incidentFaults, noteFaults } from './incident-row.ts'
import { authorFaults, planFaults } from './plans.ts'
import { guarded, readRecorded } from './recorded.ts'

export interface AuditReport {
  incidents: number
  events: number
  /** The time of the checkpoint with which the history was compared; null if there was no checkpoint. */
  checkpoint: string | null
  /** The faults; empty if nothing was changed. `incident` is `controls`, `plans` or `leases` for a fault that belongs to no incident. */
  faults: ChainFault[]
}

/** Audits a snapshot of the whole history while the engine keeps running. */
export function auditHistory(database: Database, keyring: Keyring, checkpoint?: Checkpoint): Promise<AuditReport> {
  return snapshot(database, (db) => audit(db, keyring, checkpoint))
}

/** Signs the heads of all chains in one snapshot. `before`: an earlier checkpoint, whose list of signatures is continued. */
export function checkpointHistory(
  database: Database,
  keyring: Keyring,
  before?: Checkpoint,
): Promise<SignedCheckpoint> {
  return snapshot(database, (db) => makeCheckpoint(db, keyring, before))
}

/**
 * Compares the whole history with its event chains: the links of every chain; evidence, proposals and plans by their digests; decisions
 * by their signatures; the authors of plans with the proposals; the rows of incidents, gates, permits, effects, notes, follow-ups, answers and controls with their events; intents and leases with
 * the permits and effects. With a checkpoint, it also finds events that were removed from the end since then. docs/guarantees.md lists
 * what is not compared.
 */
export async function audit(db: Queryable, keyring: Keyring, checkpoint?: Checkpoint): Promise<AuditReport> {
  const faults: ChainFault[] = []
  for (const what of await planFaults(db)) faults.push({ incident: 'plans', seq: 0, what })
  for (const what of await controlFaults(db)) faults.push({ incident: 'controls', seq: 0, what })
  for (const what of await leaseFaults(db)) faults.push({ incident: 'leases', seq: 0, what })
  const incidents = await db.query<{ id: string }>('SELECT id FROM runbook.incidents ORDER BY number')
  let events = 0
  const vouched = vouchedFor(checkpoint?.signatures)
  for (const { id } of incidents.rows) {
    const recorded = await readRecorded(db, id, faults)
    events += recorded.events.length
    const checks: Record<string, () => Promise<unknown>> = {
      'the chain': async () => faults.push(...(await verifyChain(db, id))),
      "the incident's row": () => incidentFaults(db, recorded),
      notes: () => noteFaults(db, recorded),
      'follow-ups': () => followUpFaults(db, recorded),
      answers: () => feedbackFaults(db, recorded),
      evidence: () => evidenceFaults(db, recorded),
      gates: () => gateFaults(db, recorded),
      'authors of plans': () => authorFaults(db, recorded),
      decisions: () => decisionFaults(db, { keyring, vouched }, recorded),
      effects: () => effectFaults(db, recorded),
      permits: () => permitFaults(db, recorded),
      intents: () => intentFaults(db, recorded),
      verdicts: () => verdictFaults(db, recorded),
    }
    for (const [what, check] of Object.entries(checks))
      await guarded(recorded.fault, what, async () => void (await check()))
  }
  faults.push(...(await orphanFaults(db)))
  if (checkpoint) faults.push(...(await checkpointFaults(db, checkpoint)))
  return { incidents: incidents.rows.length, events, checkpoint: checkpoint?.at ?? null, faults }
}

/** Finds rows whose incident or gate was removed or renamed. */
async function orphanFaults(db: Queryable): Promise<ChainFault[]> {
  const found = await db.query<{ incident: string; what: string }>(
    `SELECT s.incident, s.what FROM (
       SELECT incident, 'event' AS what FROM runbook.events UNION SELECT incident, 'evidence' FROM runbook.evidence
       UNION SELECT incident, 'gate' FROM runbook.gates UNION SELECT incident, 'note' FROM runbook.notes
       UNION SELECT incident, 'follow-up' FROM runbook.follow_ups UNION SELECT incident, 'answer' FROM runbook.feedback) s
     WHERE NOT EXISTS (SELECT FROM runbook.incidents i WHERE i.id = s.incident)
     UNION ALL
     SELECT s.gate, s.what FROM (
       SELECT gate, 'decision' AS what FROM runbook.decisions UNION SELECT gate, 'permit' FROM runbook.permits
       UNION SELECT gate, 'effect' FROM runbook.effects UNION SELECT gate, 'intent' FROM runbook.intents UNION SELECT gate, 'verdict' FROM runbook.verdicts) s
     WHERE NOT EXISTS (SELECT FROM runbook.gates g WHERE g.id = s.gate)`,
  )
  return found.rows.map(({ incident, what }) => ({
    incident,
    seq: 0,
    what: `does not exist, but a ${what} that belongs to it does`,
  }))
}
