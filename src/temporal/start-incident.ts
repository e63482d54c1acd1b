import { WorkflowExecutionAlreadyStartedError, WorkflowIdReusePolicy, type Client } from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import type { IncidentStart } from '../core/incident.ts'
import type { Plan } from '../core/plan.ts'
import { diagnoseQueue, workflowType } from './names.ts'
import { INCIDENT_TYPE } from './search-attributes.ts'

/** The incident is already accepted: when Temporal does not answer, the starter starts the workflow later. */
const START_TIMEOUT_MS = 5_000

/** Starts an incident's workflow under the incident's id. Does nothing when it has already been started. */
export async function startIncident(
  client: Client,
  taskQueue: string,
  plan: Plan,
  start: IncidentStart,
): Promise<void> {
  try {
    const starting = () =>
      client.workflow.start(workflowType(plan.name), {
        workflowId: start.incident,
        taskQueue: diagnoseQueue(taskQueue),
        args: [plan, start],
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        workflowTaskTimeout: '5s',
        staticSummary: plan.title,
        staticDetails: details(plan, start),
        typedSearchAttributes: new TypedSearchAttributes([{ key: INCIDENT_TYPE, value: plan.incident }]),
      })
    await client.withDeadline(Date.now() + START_TIMEOUT_MS, starting)
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
  }
}

function details(plan: Plan, { incident, planDigest, inputs }: IncidentStart): string {
  const lines = Object.entries(inputs).map(([name, value]) => `- \`${name}\`: ${JSON.stringify(value)}`)
  return [
    `Incident **${incident}** (${plan.incident}) by runbook \`${plan.name}\`, plan \`${planDigest.slice(0, 12)}\``,
    ...lines,
  ].join('\n')
}
