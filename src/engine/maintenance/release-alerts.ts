import { defined } from '../../core/defined.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import { isJsonObject } from '../../core/json.ts'
import { acceptAlert, clearHeld, keepUnmatched, readHeld } from '../../history/alerts.ts'
import { runbookFor } from '../catalogue.ts'
import type { Engine } from '../engine.ts'
import { isUnusableRequest, newIncident, startAccepted } from '../trigger.ts'
import { coveringMaintenance } from './covering.ts'

/** How many held alerts are read in one batch. */
const BATCH = 2_000

/**
 * Opens the incidents of alerts that maintenance held back and that are still firing after it has ended. Several processes may do this at
 * once: if an alert is released twice, it is only counted the second time.
 */
export async function releaseAlerts(engine: Engine): Promise<string[]> {
  const released: string[] = []
  for (const { alert, held } of await readHeld(engine.database, BATCH)) {
    const { type, inputs } = readStoredObject(held) ?? {}
    try {
      if (typeof type !== 'string' || !isJsonObject(inputs)) continue
      if (await coveringMaintenance(engine, runbookFor(engine.catalogue, type).plan)) continue
      const asked = await newIncident(engine, { type, inputs, requester: `alert:${alert.source}` })
      const { plan, incident: request, quietMs } = asked
      const { incident, workflowId } = await acceptAlert(engine.database, alert, { ...request, quietMs }, undefined)
      await clearHeld(engine.database, alert)
      if (incident === null || workflowId === null) continue
      released.push(incident)
      const start = defined({ incident, planDigest: request.planDigest, inputs: request.inputs })
      // If Temporal does not answer, the reconciler starts the workflow later.
      await startAccepted(engine, workflowId, plan, start).catch(() => {})
    } catch (error) {
      if (!isUnusableRequest(error)) throw error
      await keepUnmatched(engine.database, alert, error.message)
    }
  }
  return released
}
