import type { Client, WorkflowHandle } from '@temporalio/client'

export type { WorkflowHandle } from '@temporalio/client'

/** A handle for one run of a workflow; without `runId`, for the latest run. */
export function workflowHandle(client: Client, workflowId: string, runId: string | null): WorkflowHandle {
  return client.workflow.getHandle(workflowId, runId ?? undefined)
}
