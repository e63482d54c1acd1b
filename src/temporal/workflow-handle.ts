import type { Client, WorkflowHandle } from '@temporalio/client'

export type { WorkflowHandle } from '@temporalio/client'

/** One run of a workflow; without `runId`, its latest. */
export function workflowHandle(client: Client, workflowId: string, runId: string | null): WorkflowHandle {
  return client.workflow.getHandle(workflowId, runId ?? undefined)
}
