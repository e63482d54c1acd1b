import { WorkflowExecutionAlreadyStartedError, WorkflowIdConflictPolicy, type Client } from '@temporalio/client'
import type { DetectRequest } from '../core/detection.ts'
import { DETECT } from './names.ts'

const START_TIMEOUT_MS = 5_000

/** Starts one sample. Returns false if the previous workflow with this id has not ended. */
export async function startDetection(
  client: Client,
  workflowId: string,
  taskQueue: string,
  request: DetectRequest,
): Promise<boolean> {
  const starting = () =>
    client.workflow.start(DETECT, {
      workflowId,
      taskQueue,
      args: [request],
      workflowExecutionTimeout: 2 * request.limitMs,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
    })
  try {
    await client.withDeadline(Date.now() + START_TIMEOUT_MS, starting)
    return true
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false
    throw error
  }
}
