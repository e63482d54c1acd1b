/** The queue for workflows, reads and recording. */
export function diagnoseQueue(taskQueue: string): string {
  return `${taskQueue}-diagnose`
}

/** The queue for effects: only its workers need write credentials. */
export function remediateQueue(taskQueue: string): string {
  return `${taskQueue}-remediate`
}

/** The workflow type of a runbook. */
export function workflowType(runbook: string): string {
  return `runbook.${runbook}`
}
