import { WorkflowNotFoundError, type Client } from '@temporalio/client'

/**
 * Wakes an incident's workflow: with the signed decision where there is one. A workflow that is gone is no error: the reconciler
 * looks after incidents whose workflow ended without saying so.
 */
export async function ring(client: Client, incident: string, token?: string): Promise<void> {
  const handle = client.workflow.getHandle(incident)
  try {
    if (token === undefined) await handle.signal('ring')
    else await handle.signal('decision', token)
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
  }
}
