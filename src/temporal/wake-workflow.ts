import { WorkflowNotFoundError, type Client } from '@temporalio/client'

/** The decision is already stored: when Temporal does not answer, the caller does not wait long. */
const SIGNAL_TIMEOUT_MS = 3_000

/**
 * Wakes an incident's workflow, with the signed decision if there is one. A missing workflow is not an error: the reconciler closes
 * incidents whose workflow ended without closing them.
 */
export async function wakeWorkflow(client: Client, incident: string, token?: string): Promise<void> {
  const handle = client.workflow.getHandle(incident)
  const signal = () => (token === undefined ? handle.signal('wake') : handle.signal('decision', token))
  try {
    await client.withDeadline(Date.now() + SIGNAL_TIMEOUT_MS, signal)
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
  }
}
