import type { Person } from '../core/person.ts'
import type { WithdrawRequest } from '../gate/decision-schema.ts'
import { withdraw, type Withdrawn } from '../gate/withdraw.ts'
import { wakeIncident } from './incident-workflow.ts'
import type { Engine } from './engine.ts'

/** Withdraws an authenticated person's own decision and wakes the incident's workflow. Throws like `withdraw`. */
export async function withdrawDecision(engine: Engine, person: Person, request: WithdrawRequest): Promise<Withdrawn> {
  const { database } = engine
  return withdraw({ database, wakeWorkflow: (incident) => wakeIncident(engine, incident) }, person, request)
}
