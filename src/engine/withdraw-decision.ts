import type { Person } from '../core/person.ts'
import type { WithdrawRequest } from '../gate/decision-schema.ts'
import { withdraw, type Withdrawn } from '../gate/withdraw.ts'
import { wakeWorkflow } from '../temporal/wake-workflow.ts'
import type { Engine } from './engine.ts'

/** Withdraws an authenticated person's own decision and wakes the incident's workflow. Throws as `withdraw` does. */
export async function withdrawDecision(engine: Engine, person: Person, request: WithdrawRequest): Promise<Withdrawn> {
  const { database, temporal } = engine
  return withdraw({ database, wakeWorkflow: (incident) => wakeWorkflow(temporal.client, incident) }, person, request)
}
