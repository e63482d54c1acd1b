import { IR_VERSION } from '../core/plan.ts'
import { closeIncident } from '../history/close.ts'
import { terminateWorkflow } from '../temporal/describe.ts'
import { incidentWorkflow } from './incident-workflow.ts'
import type { Engine } from './engine.ts'

/** Open incidents whose plan an older version compiled: no worker of this version can continue them. */
export async function outdatedIncidents({ database }: Pick<Engine, 'database'>): Promise<string[]> {
  const found = await database.query<{ id: string }>(
    `SELECT id FROM runbook.incidents WHERE closed_at IS NULL AND plan_digest IN (
       SELECT digest FROM runbook.plans WHERE digest IN (SELECT plan_digest FROM runbook.incidents WHERE closed_at IS NULL)
         AND substring(plan FROM '"irVersion":([0-9]{1,6})')::int < $1)
     ORDER BY number LIMIT 100`,
    [IR_VERSION],
  )
  return found.rows.map((row) => row.id)
}

/** Ends the incident's workflow and closes it as failed with the reason; then nothing hangs, and people are notified. */
export async function closeOutdated(engine: Engine, incident: string): Promise<boolean> {
  const reason = `its plan was compiled by an older version of the engine; this version runs plans of version ${IR_VERSION}. Open it again, and check what was applied`
  await terminateWorkflow(await incidentWorkflow(engine, incident), reason)
  const unsettled = 'the incident was closed after an upgrade, before the effect was recorded'
  const { fresh } = await closeIncident(engine.database, { incident, outcome: 'failed', reason, unsettled })
  return fresh
}
