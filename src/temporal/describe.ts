import { WorkflowNotFoundError, type Client } from '@temporalio/client'

export type WorkflowState = 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed-out' | 'gone'

/** The state of the latest run of an incident's workflow; `gone` when Temporal has none. */
export async function describeIncident(client: Client, incident: string): Promise<WorkflowState> {
  try {
    const { status } = await client.workflow.getHandle(incident).describe()
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
