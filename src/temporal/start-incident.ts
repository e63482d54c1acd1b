import { WorkflowExecutionAlreadyStartedError, WorkflowIdReusePolicy, type Client } from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import type { IncidentStart } from '../core/incident.ts'
import type { Plan } from '../core/plan.ts'
import { diagnoseQueue, workflowType } from './names.ts'
import { INCIDENT_TYPE } from './search-attributes.ts'

/** What is accepted is accepted: with a Temporal that is down the starter starts it later. */
const PATIENCE_MS = 5_000

/**
 * Starts an incident's workflow, whose id is the incident's. Started twice is started once: whoever comes second is told nothing
 * went wrong, for nothing did.
 */
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
    await client.withDeadline(Date.now() + PATIENCE_MS, starting)
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
  }
}

function details(plan: Plan, { incident, planDigest, inputs }: IncidentStart): string {
  const given = Object.entries(inputs).map(([name, value]) => `- \`${name}\`: ${JSON.stringify(value)}`)
  return [
    `Incident **${incident}** (${plan.incident}) by runbook \`${plan.name}\`, plan \`${planDigest.slice(0, 12)}\``,
    ...given,
  ].join('\n')
}
