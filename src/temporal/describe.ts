import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client'

export type WorkflowState = 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed-out' | 'gone'

/** The state of a workflow's run; `gone` where Temporal knows none. */
export async function describeWorkflow(workflow: WorkflowHandle): Promise<WorkflowState> {
  try {
    const { status } = await workflow.describe()
    switch (status.name) {
      case 'RUNNING':
      case 'CONTINUED_AS_NEW':
      case 'PAUSED':
        return 'running'
      case 'COMPLETED':
        return 'completed'
      case 'CANCELLED':
        return 'cancelled'
      case 'TERMINATED':
        return 'terminated'
      case 'TIMED_OUT':
        return 'timed-out'
      default:
        return 'failed'
    }
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'gone'
    throw error
  }
}
