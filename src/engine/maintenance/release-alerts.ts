import { scrubSecrets } from '../../config/secret.ts'
import { defined } from '../../core/defined.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import { isJsonObject } from '../../core/json.ts'
import { acceptHeld, endHold, readHeld } from '../../history/held-alerts.ts'
import { runbookFor } from '../catalogue.ts'
import type { Engine } from '../engine.ts'
import { isUnusableRequest, newIncident, startAccepted } from '../trigger.ts'
import { coveringMaintenance } from './covering.ts'

/** How many held alerts are read in one batch. */
const BATCH = 2_000

/**
 * Opens the incidents of alerts that maintenance held back and that are still firing after it has ended. Several processes may do this at
 * once: each alert is released by one of them.
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
      const { incident = null, workflowId = null } =
        (await acceptHeld(engine.database, alert, { ...request, quietMs })) ?? {}
      if (incident === null || workflowId === null) continue
      released.push(incident)
      const start = defined({ incident, planDigest: request.planDigest, inputs: request.inputs })
      // If Temporal does not answer, the reconciler starts the workflow later.
      await startAccepted(engine, workflowId, plan, start).catch(() => {})
    } catch (error) {
      if (!isUnusableRequest(error)) throw error
      await endHold(engine.database, alert, scrubSecrets(error.message))
    }
  }
  return released
}
