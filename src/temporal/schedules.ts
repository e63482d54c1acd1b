import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type Client } from '@temporalio/client'
import type { DetectRequest, SampleLimits } from '../core/detection.ts'
import { DETECT } from './names.ts'

/** When a runbook is sampled, and by which workers. */
export interface DetectionSchedule extends SampleLimits {
  everyMs: number
  /** The offset in the interval at which the samples of the runbook begin. */
  offsetMs: number
  taskQueue: string
}

const TIMEOUT_MS = 5_000
/** The shortest catch-up window that Temporal accepts. A sample that was missed is not taken later. */
const CATCH_UP = '10s'

/**
 * Creates the schedule, or updates it to these settings. If a run has not ended when the next one is due, the next one is skipped, so that
 * runs never pile up.
 */
export async function applySchedule(
  client: Client,
  id: string,
  request: DetectRequest,
  { everyMs, offsetMs, limitMs, taskQueue }: DetectionSchedule,
  isPaused: boolean,
): Promise<void> {
  const wanted = {
    spec: { intervals: [{ every: everyMs, offset: offsetMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: DETECT,
      workflowId: id,
      taskQueue,
      args: [request],
      workflowExecutionTimeout: 2 * limitMs,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP },
    state: { paused: isPaused, note: isPaused ? 'runbook detect pause' : '' },
  }
  await client.withDeadline(Date.now() + TIMEOUT_MS, async () => {
    try {
      await client.schedule.create({ scheduleId: id, ...wanted })
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error
      await client.schedule.getHandle(id).update(() => wanted)
    }
  })
}

/** Deletes the schedule. A schedule that does not exist is no error. */
export async function deleteSchedule(client: Client, id: string): Promise<void> {
  await client
    .withDeadline(Date.now() + TIMEOUT_MS, () => client.schedule.getHandle(id).delete())
    .catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error
    })
}
