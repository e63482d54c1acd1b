import type { Keyring } from '../../gate/keyring.ts'
import { verifyChain, type ChainFault } from '../../history/chain.ts'
import { transaction, type Database, type Queryable } from '../../history/database.ts'
import { checkpointFaults, makeCheckpoint, type Checkpoint, type SignedCheckpoint } from './checkpoint.ts'
import { controlFaults } from './controls.ts'
import { decisionFaults } from './decisions.ts'
import { effectFaults, intentFaults, leaseFaults, permitFaults, verdictFaults } from './effects.ts'
import { gateFaults } from './gates.ts'
import { evidenceFaults, incidentFaults, noteFaults } from './incident-row.ts'
import { planFaults } from './plans.ts'
import { readRecorded } from './recorded.ts'

export interface Audited {
  incidents: number
  events: number
  /** When the checkpoint was made with which it was compared; null: with none. */
  checkpoint: string | null
  /** Empty: the history is as it was written. `incident` is `controls`, `plans` or `leases` for what belongs to none. */
  faults: ChainFault[]
}

/** The whole history at one moment, while the engine goes on. */
export function auditHistory(database: Database, keyring: Keyring, checkpoint?: Checkpoint): Promise<Audited> {
  return atOneMoment(database, (db) => audit(db, keyring, checkpoint))
}

/** Every chain's head at one moment, signed. */
export function checkpointHistory(database: Database, keyring: Keyring): Promise<SignedCheckpoint> {
  return atOneMoment(database, (db) => makeCheckpoint(db, keyring))
}

function atOneMoment<T>(database: Database, look: (db: Queryable) => Promise<T>): Promise<T> {
  return transaction(database, async (connection) => {
    await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return look(connection)
  })
}

/**
 * Compares everything that is recorded with the chains of events: every chain's links, evidence and proposals by their digests,
 * plans by theirs, decisions by their signatures, and the rows of incidents, gates, permits, effects, notes and controls with what
 * the events say of them, intents and leases with the permits and effects. With a checkpoint, also that nothing was cut since. What is
 * not compared stands in docs/guarantees.md.
 */
export async function audit(db: Queryable, keyring: Keyring, checkpoint?: Checkpoint): Promise<Audited> {
  const faults: ChainFault[] = []
  for (const what of await planFaults(db)) faults.push({ incident: 'plans', seq: 0, what })
  for (const what of await controlFaults(db)) faults.push({ incident: 'controls', seq: 0, what })
  for (const what of await leaseFaults(db)) faults.push({ incident: 'leases', seq: 0, what })
  const incidents = await db.query<{ id: string }>('SELECT id FROM runbook.incidents ORDER BY number')
  let events = 0
  for (const { id } of incidents.rows) {
    faults.push(...(await verifyChain(db, id)))
    const recorded = await readRecorded(db, id, faults)
    events += recorded.events.length
    await incidentFaults(db, recorded)
    await noteFaults(db, recorded)
    await evidenceFaults(db, recorded)
    await gateFaults(db, recorded)
    await decisionFaults(db, keyring, recorded)
    await effectFaults(db, recorded)
    await permitFaults(db, recorded)
    await intentFaults(db, recorded)
    await verdictFaults(db, recorded)
  }
  faults.push(...(await strays(db)))
  if (checkpoint) faults.push(...(await checkpointFaults(db, checkpoint)))
  return { incidents: incidents.rows.length, events, checkpoint: checkpoint?.at ?? null, faults }
}

/** Rows that belong to no incident that is there: what is left when one was removed, or moved away. */
async function strays(db: Queryable): Promise<ChainFault[]> {
  const found = await db.query<{ incident: string; what: string }>(
    `SELECT s.incident, s.what FROM (
       SELECT incident, 'event' AS what FROM runbook.events UNION SELECT incident, 'evidence' FROM runbook.evidence
       UNION SELECT incident, 'gate' FROM runbook.gates UNION SELECT incident, 'note' FROM runbook.notes) s
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
    what: `there is a ${what} of it, and it is gone`,
  }))
}
