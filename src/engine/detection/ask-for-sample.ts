import { sampleBegun, sampleWantedAt } from '../../history/detection.ts'
import { engineId } from '../../history/engine-id.ts'
import { readIncident } from '../../history/incidents.ts'
import { readPlan } from '../../history/plans.ts'
import { detectionId, diagnoseQueue } from '../../temporal/names.ts'
import { startDetection } from '../../temporal/start-detection.ts'
import type { Engine } from '../engine.ts'
import { sampleLimits } from './spec.ts'

/**
 * Starts the sample that was asked for an incident. If an earlier sample is still running, it may have read the symptom before this one was
 * asked for; then the request stays stored, and the reconciler tries again. Returns whether a sample was started.
 */
export async function askForSample(engine: Engine, incident: string): Promise<boolean> {
  const { database, temporal, config } = engine
  const wantedAt = await sampleWantedAt(database, incident)
  if (wantedAt === null) return false
  const plan = await readPlan(database, (await readIncident(database, incident)).planDigest)
  const id = detectionId(await engineId(database), incident)
  const request = { incident, ...sampleLimits(plan) }
  const isStarted = await startDetection(temporal.client, id, diagnoseQueue(config.temporal.taskQueue), request)
  if (isStarted) await sampleBegun(database, incident, wantedAt)
  return isStarted
}
