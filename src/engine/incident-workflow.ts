import { readWorkflow } from '../history/incidents.ts'
import { wakeWorkflow, type Wake } from '../temporal/wake-workflow.ts'
import { workflowHandle, type WorkflowHandle } from '../temporal/workflow-handle.ts'
import type { Engine } from './engine.ts'

type Connections = Pick<Engine, 'database' | 'temporal'>

/**
 * The workflow run that the engine started for an incident. Signals, queries and terminations are sent only to this run, never to a
 * workflow that somebody else started with the same id. Throws `RUNBOOK_NOT_FOUND` if there is no such incident.
 */
export async function incidentWorkflow(engine: Connections, incident: string): Promise<WorkflowHandle> {
  const { workflowId, runId } = await readWorkflow(engine.database, incident)
  return workflowHandle(engine.temporal.client, workflowId, runId)
}

/** Wakes an incident's workflow. */
export async function wakeIncident(engine: Connections, incident: string, wake: Wake = {}): Promise<void> {
  await wakeWorkflow(engine.temporal.client, await incidentWorkflow(engine, incident), wake)
}
