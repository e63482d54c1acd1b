import { isCancellation, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { DiagnoseActivities } from '../activities/create-activities.ts'
import type { DetectAnswer, DetectRequest } from '../src/core/detection.ts'

/**
 * Most samples take milliseconds. A sample as a local activity costs one workflow task; as an activity it would cost two workflow tasks and an activity task. It keeps its workflow
 * task open, so one that does not end soon is given up.
 */
const local = proxyLocalActivities<DiagnoseActivities>({
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '15s',
  retry: { maximumAttempts: 1 },
})

/**
 * Samples a symptom once. A schedule starts it for every sample. It carries no state from one sample to the next: what a sample leads to is
 * in the engine's database, where a sample that is taken twice counts once.
 */
export async function detect(request: DetectRequest): Promise<DetectAnswer> {
  if (request.isShort)
    try {
      return await local.detect(request)
    } catch (error) {
      if (isCancellation(error)) throw error
    }
  const activities = proxyActivities<DiagnoseActivities>({
    startToCloseTimeout: request.limitMs,
    scheduleToCloseTimeout: request.limitMs,
    // Without a heartbeat for this long, Temporal assumes that the worker is dead and tries again.
    heartbeatTimeout: '15s',
    retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumAttempts: 3 },
  })
  return activities.detect(request)
}
