import { proxyActivities } from '@temporalio/workflow'
import type { DiagnoseActivities } from '../activities/create-activities.ts'
import type { DetectAnswer, DetectRequest } from '../src/core/detection.ts'

/**
 * Samples a symptom once. A schedule starts it for every sample. It carries no state from one sample to the next: what a sample leads to is
 * in the engine's database.
 */
export async function detect(request: DetectRequest): Promise<DetectAnswer> {
  const activities = proxyActivities<DiagnoseActivities>({
    startToCloseTimeout: request.limitMs,
    scheduleToCloseTimeout: request.limitMs,
    // Without a heartbeat for this long, Temporal assumes that the worker is dead and tries again.
    heartbeatTimeout: '15s',
    retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumAttempts: 3 },
  })
  return activities.detect(request)
}
