import { sleep } from '@temporalio/workflow'
import type { IncidentStart } from '../../src/core/incident.ts'
import type { Plan } from '../../src/core/plan.ts'
import incident from '../../workflows/incident.ts'

/** The workflow with one deliberate change: a timer that the recorded histories do not have. */
export default async function changed(plan: Plan, start: IncidentStart): Promise<{ outcome: string; reason: string }> {
  await sleep('1s')
  return incident(plan, start)
}
