import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client'

export type WorkflowState = 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed-out' | 'gone'

/** The state of a workflow's run; `gone` if Temporal does not know the run. */
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

/** Ends a workflow without running its code. A workflow that has already ended, or that Temporal does not know, is no error. */
export async function terminateWorkflow(workflow: WorkflowHandle, reason: string): Promise<void> {
  await workflow.terminate(reason).catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error
  })
}
