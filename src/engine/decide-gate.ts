import type { Person } from '../core/person.ts'
import { decide, type Decided, type Proof } from '../gate/decide.ts'
import type { DecisionRequest } from '../gate/decision-schema.ts'
import { wakeIncident } from './incident-workflow.ts'
import type { Engine } from './engine.ts'
import { decidersOf } from './people.ts'

/**
 * Records an authenticated person's decision on a gate and wakes the incident's workflow. A decision whose id (`jti`) was used before decides
 * nothing. Throws as `decide` does.
 */
export async function decideGate(
  engine: Engine,
  person: Person,
  request: DecisionRequest,
  proof?: Proof,
): Promise<Decided> {
  const { database, keyring } = engine
  return decide(
    {
      ...decidersOf(engine),
      database,
      keyring,
      wakeWorkflow: (incident, token) => wakeIncident(engine, incident, { token }),
    },
    person,
    request,
    proof,
  )
}
