import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { PlanRemedy } from '../core/plan.ts'
import { breakerOf, readControls, switchControl, type Control } from '../gate/controls.ts'
import { nearest } from '../core/nearest.ts'
import { decidingGroups, requireGroup } from './deciding-groups.ts'
import type { Engine } from './engine.ts'

/**
 * Lets remedies write to a connection again. Members of a group that approves a remedy on the connection may close it. Earlier
 * ineffective remedies no longer count. Returns the controls that are still on. Throws `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`,
 * `RUNBOOK_CONFLICT`.
 */
export async function closeBreaker(
  engine: Engine,
  person: Person,
  connection: string,
  reason: string,
): Promise<Control[]> {
  const known = Object.keys(engine.config.connections)
  if (!known.includes(connection)) {
    const suggestion = nearest(connection, known)
    throw new RunbookError(
      'RUNBOOK_NOT_FOUND',
      `no connection ${connection}${suggestion ? `; did you mean ${suggestion}?` : ''} (configured: ${known.join(', ')})`,
    )
  }
  const plans = [...engine.catalogue.byName.values()].map(({ plan }) => plan)
  const groups = decidingGroups(plans, (remedy) => writesTo(remedy, connection))
  requireGroup(person, groups, `close the breaker of ${connection}`)
  const turn = { control: breakerOf(connection), on: false, person: person.name, reason }
  if (!(await switchControl(engine.database, turn)))
    throw new RunbookError('RUNBOOK_CONFLICT', `the breaker of ${connection} is already closed`)
  return readControls(engine.database)
}

/** Whether the remedy writes to the connection. */
function writesTo({ actions }: PlanRemedy, connection: string): boolean {
  return actions.some(({ with: { connection: value } }) => value && 'lit' in value && value.lit === connection)
}
