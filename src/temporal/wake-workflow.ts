import { WorkflowNotFoundError, type Client } from '@temporalio/client'

/** What is decided is decided: nobody waits long for a Temporal that is down. */
const PATIENCE_MS = 3_000

/**
 * Wakes an incident's workflow: with the signed decision where there is one. A workflow that is gone is no error: the reconciler
 * looks after incidents whose workflow ended without saying so.
 */
export async function wakeWorkflow(client: Client, incident: string, token?: string): Promise<void> {
  const handle = client.workflow.getHandle(incident)
  const signal = () => (token === undefined ? handle.signal('wake') : handle.signal('decision', token))
  try {
    await client.withDeadline(Date.now() + PATIENCE_MS, signal)
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
  }
}
