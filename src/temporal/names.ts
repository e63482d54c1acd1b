import { IR_VERSION } from '../core/plan.ts'

/** The last version of plans whose queue names contain no version. */
const LAST_UNNAMED_VERSION = 2

/**
 * The queue for workflows, reads and recording. Each version of plans has its own queues, so that workers of two versions can run at the
 * same time, and no worker gets an incident that it cannot continue.
 */
export function diagnoseQueue(taskQueue: string, irVersion = IR_VERSION): string {
  return `${queuePrefix(taskQueue, irVersion)}-diagnose`
}

/**
 * The queue for effects. Only the workers of this queue need write credentials. The workflow derives its name from the name of the diagnose
 * queue.
 */
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

/**
 * The type of the workflow that samples a symptom. The workflow types of incidents begin with `runbook.`, so no runbook can have this type.
 */
export const DETECT = 'detect'

/**
 * The id of the schedule that samples the runbook `about`; Temporal names the schedule's workflows by this id and their time. If `about` is
 * an incident, the id of the workflow that samples this incident.
 */
export function detectionId(engine: string, about: string): string {
  return `${DETECT}/${engine}/${about}`
}
