import { WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client'

/** The decision is stored already: nobody waits long for a Temporal that is down, and the reconciler wakes the workflow later. */
const SIGNAL_TIMEOUT_MS = 3_000

/** A workflow that is gone is no error: the reconciler closes incidents whose workflow ended without closing them. */
export async function wakeWorkflow(client: Client, workflow: WorkflowHandle, token?: string): Promise<void> {
  const signal = () => (token === undefined ? workflow.signal('wake') : workflow.signal('decision', token))
  try {
    await client.withDeadline(Date.now() + SIGNAL_TIMEOUT_MS, signal)
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
  }
}
