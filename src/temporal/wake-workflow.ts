import { isGrpcServiceError, WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client'

/**
 * The time limit for the signal. The decision is stored already, so callers need not wait long for Temporal: if the
 * signal is lost, the reconciler wakes the workflow later.
 */
const SIGNAL_TIMEOUT_MS = 3_000

/** How long a worker may take to answer an update. If no worker runs, nobody answers, and nothing is lost. */
const UPDATE_TIMEOUT_MS = 1_000

export interface Wake {
  /** The signed decision, if the wake is about a decision. */
  token?: string | undefined
  /**
   * Set if an earlier signal had no effect. Then an update is sent too, which reaches the workflow even if somebody else has used up the
   * workflow's limit of signals.
   */
  insist?: boolean
}

/** A workflow that does not exist any more is no error: the reconciler closes incidents whose workflow ended without closing them. */
export async function wakeWorkflow(client: Client, workflow: WorkflowHandle, wake: Wake): Promise<void> {
  const { token, insist = false } = wake
  const within = <T>(ms: number, call: () => Promise<T>) => client.withDeadline(Date.now() + ms, call)
  const signal = () => (token === undefined ? workflow.signal('wake') : workflow.signal('decision', token))
  const update = () => within(UPDATE_TIMEOUT_MS, () => workflow.executeUpdate('wake'))
  try {
    const isRefused = await within(SIGNAL_TIMEOUT_MS, signal).then(
      () => false,
      (error: unknown) => isSignalLimit(error) || Promise.reject(error as Error),
    )
    if (isRefused) await update()
    else if (insist) await update().catch(() => {})
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
  }
}

/** Temporal accepts 10,000 signals for each run of a workflow; somebody else may have sent them. Updates are counted separately. */
function isSignalLimit(error: unknown): boolean {
  return /limit for signal/.test(reasonOf(error))
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const details = isGrpcServiceError(error) ? error.details : error.message
  return `${details} ${reasonOf(error.cause)}`
}
