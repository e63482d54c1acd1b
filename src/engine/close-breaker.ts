import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Plan } from '../core/plan.ts'
import { breakerOf, readControls, switchControl, type Control } from '../gate/controls.ts'
import { nearest } from '../core/nearest.ts'
import type { Engine } from './engine.ts'

/**
 * Lets remedies write to a connection again. Who may: members of a group that approves a remedy on it. What did not help before no
 * longer counts. Returns what is still on. Throws `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_CONFLICT`.
 */
export async function closeBreaker(
  engine: Engine,
  person: Person,
  connection: string,
  reason: string,
): Promise<Control[]> {
  const known = Object.keys(engine.config.connections)
  if (!known.includes(connection)) {
    const like = nearest(connection, known)
    throw new RunbookError(
      'RUNBOOK_NOT_FOUND',
      `no connection ${connection}${like ? `; did you mean ${like}?` : ''} (there are: ${known.join(', ')})`,
    )
  }
  const plans = [...engine.catalogue.byName.values()].map(({ plan }) => plan)
  const groups = decidingGroups(plans, connection)
  if (!person.groups.some((group) => groups.includes(group)))
    throw new RunbookError(
      'RUNBOOK_NOT_ALLOWED',
      `${person.name} is in none of the groups that decide on remedies of ${connection}: ${groups.join(', ') || 'there are none'}`,
    )
  const turn = { control: breakerOf(connection), on: false, person: person.name, reason }
  if (!(await switchControl(engine.database, turn)))
    throw new RunbookError('RUNBOOK_CONFLICT', `the breaker of ${connection} is closed already`)
  return readControls(engine.database)
}

/** Groups that approve remedies on a connection, and those to whom the runbooks with such remedies escalate. */
function decidingGroups(plans: Plan[], connection: string): string[] {
  const groups = plans.flatMap((plan) => {
    const remedies = Object.values(plan.remedies).filter(({ actions }) =>
      actions.some(({ with: { connection: value } }) => value && 'lit' in value && value.lit === connection),
    )
    const approving = remedies.flatMap(({ approval }) => (approval.auto ? [] : approval.by))
    return remedies.length > 0 ? [...approving, ...plan.escalate.to] : []
  })
  return [...new Set(groups)].sort()
}
