import { transaction, type Database } from '../history/database.ts'
import { lockGate } from './gates.ts'
import { endGate } from './gate-resolution.ts'

/**
 * Voids a gate that nobody has decided, because what it proposes is not needed any more. The next round of the incident diagnoses again.
 * Returns false if the gate is no longer open; then nothing changes, and an approved remedy is re-checked before it is applied.
 */
export async function voidGate(database: Database, id: string, why: string): Promise<boolean> {
  return transaction(database, async (connection) => {
    const { incident, gate } = await lockGate(connection, id)
    if (gate.state !== 'open' || incident.closed || incident.cancelled) return false
    await endGate(connection, gate, 'voided', why)
    return true
  })
}
