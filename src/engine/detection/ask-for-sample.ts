import { sampleBegun, sampleWantedAt } from '../../history/detection.ts'
import { engineId } from '../../history/engine-id.ts'
import { readIncident } from '../../history/incidents.ts'
import { readPlan } from '../../history/plans.ts'
import { detectionId, diagnoseQueue } from '../../temporal/names.ts'
import { startDetection } from '../../temporal/start-detection.ts'
import type { Engine } from '../engine.ts'
import { sampleLimitMs } from './spec.ts'

/**
 * Starts the sample that an incident is marked for. While an earlier one runs, which may have read the symptom before the mark was made,
 * the mark stays, and the reconciler tries again. True if a sample was started.
 */
export async function askForSample(engine: Engine, incident: string): Promise<boolean> {
  const { database, temporal, config } = engine
  const wantedAt = await sampleWantedAt(database, incident)
  if (wantedAt === null) return false
  const plan = await readPlan(database, (await readIncident(database, incident)).planDigest)
  const id = detectionId(await engineId(database), incident)
  const request = { incident, limitMs: sampleLimitMs(plan) }
  const isStarted = await startDetection(temporal.client, id, diagnoseQueue(config.temporal.taskQueue), request)
  if (isStarted) await sampleBegun(database, incident, wantedAt)
  return isStarted
}
