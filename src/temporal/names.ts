/** Runs workflows, reads and recording. */
export function diagnoseQueue(taskQueue: string): string {
  return `${taskQueue}-diagnose`
}

/** Runs effects only: its workers are the only ones that need write credentials. */
export function remediateQueue(taskQueue: string): string {
  return `${taskQueue}-remediate`
}

/** One workflow type for each runbook. */
export function workflowType(runbook: string): string {
  return `runbook.${runbook}`
}
