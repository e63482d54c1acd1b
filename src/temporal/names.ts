import { IR_VERSION } from '../core/plan.ts'

/** The last version of plans whose queues have no version in their names. */
const LAST_UNNAMED_VERSION = 2

/**
 * The queue for workflows, reads and recording. Each version of plans has its own queues, so that workers of two versions can run side by
 * side and none gets an incident that it cannot continue.
 */
export function diagnoseQueue(taskQueue: string, irVersion = IR_VERSION): string {
  return `${queuePrefix(taskQueue, irVersion)}-diagnose`
}

/** The queue for effects: only its workers need write credentials. The workflow derives its name from that of the diagnose queue. */
export function remediateQueue(taskQueue: string, irVersion = IR_VERSION): string {
  return `${queuePrefix(taskQueue, irVersion)}-remediate`
}

function queuePrefix(taskQueue: string, irVersion: number): string {
  return irVersion <= LAST_UNNAMED_VERSION ? taskQueue : `${taskQueue}-v${irVersion}`
}

/** The workflow type of a runbook. */
export function workflowType(runbook: string): string {
  return `runbook.${runbook}`
}

/** The type of the workflow that samples a symptom. The types of incidents begin with `runbook.`, so no runbook has this one. */
export const DETECT = 'detect'

/**
 * The id of the schedule that samples the runbook `about`: Temporal names its workflows by this id and their time. If
 * `about` is an incident, the id of the workflow that samples this incident.
 */
export function detectionId(engine: string, about: string): string {
  return `${DETECT}/${engine}/${about}`
}
