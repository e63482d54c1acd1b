import { WorkflowExecutionAlreadyStartedError, WorkflowIdReusePolicy, type Client } from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import { canonical, digest } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { IncidentStart } from '../core/incident.ts'
import type { Plan } from '../core/plan.ts'
import type { Temporal } from './connect.ts'
import { diagnoseQueue, workflowType } from './names.ts'
import { INCIDENT_TYPE } from './search-attributes.ts'

/** The incident is already stored, so nothing is lost if Temporal does not answer in time: the reconciler starts the workflow later. */
const START_TIMEOUT_MS = 5_000

export interface IncidentWorkflow {
  workflowId: string
  taskQueue: string
  plan: Plan
  start: IncidentStart
}

/**
 * Starts an incident's workflow and returns its run. Starting it again returns the same run. Throws `RUNBOOK_CONFLICT` if a workflow with
 * this id was started with another incident, plan or inputs, because its results would be recorded as the results of this incident.
 */
export async function startIncident(
  { client, hasSearchAttributes }: Pick<Temporal, 'client' | 'hasSearchAttributes'>,
  workflow: IncidentWorkflow,
): Promise<string> {
  const { workflowId, taskQueue, plan, start } = workflow
  const memo = memoOf(start)
  try {
    const starting = () =>
      client.workflow.start(workflowType(plan.name), {
        workflowId,
        taskQueue: diagnoseQueue(taskQueue, plan.irVersion),
        args: [plan, start],
        memo,
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        workflowTaskTimeout: '5s',
        staticSummary: plan.title,
        staticDetails: details(plan, start),
        // The workflow sets its outcome as a search attribute only if it was started with search attributes.
        ...(hasSearchAttributes
          ? { typedSearchAttributes: new TypedSearchAttributes([{ key: INCIDENT_TYPE, value: plan.incident }]) }
          : {}),
      })
    return (await client.withDeadline(Date.now() + START_TIMEOUT_MS, starting)).firstExecutionRunId
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
    return runStartedBefore(client, workflowId, memo)
  }
}

/**
 * The memo with which the engine starts the workflow. If the workflow's id is taken, the memo shows whether the engine
 * started that workflow.
 */
function memoOf({ incident, planDigest, inputs }: IncidentStart): Record<string, string> {
  return { incident, planDigest, inputsDigest: digest(inputs) }
}

async function runStartedBefore(client: Client, workflowId: string, memo: Record<string, string>): Promise<string> {
  const describing = () => client.workflow.getHandle(workflowId).describe()
  const found = await client.withDeadline(Date.now() + START_TIMEOUT_MS, describing)
  if (canonical((found.memo ?? {}) as Record<string, string>) === canonical(memo)) return found.runId
  throw new RunbookError(
    'RUNBOOK_CONFLICT',
    `Temporal already has a workflow ${workflowId} (run ${found.runId}), which this engine did not start for ${memo['incident']}; the incident cannot be diagnosed. Find out who started it, then open the incident again.`,
    { workflowId, runId: found.runId },
  )
}

function details(plan: Plan, { incident, planDigest, inputs }: IncidentStart): string {
  const lines = Object.entries(inputs).map(([name, value]) => `- \`${name}\`: ${JSON.stringify(value)}`)
  return [
    `Incident **${incident}** (${plan.incident}) by runbook \`${plan.name}\`, plan \`${planDigest.slice(0, 12)}\``,
    ...lines,
  ].join('\n')
}
