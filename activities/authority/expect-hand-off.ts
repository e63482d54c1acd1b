import { isSameJson } from '../../src/core/canonical.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Ending } from '../../src/core/plan.ts'
import type { Queryable } from '../../src/history/database.ts'
import { renderParameters } from '../../src/interpreter/diagnose.ts'
import { causeScope, evaluateCauses } from '../../src/interpreter/find.ts'
import type { Scope } from '../../src/interpreter/scope.ts'
import type { Authority } from './caller.ts'
import { diagnosedScope } from './expect-closing.ts'
import { refuse } from './refuse.ts'

/**
 * Refuses to hand off to an incident of another type, unless a cause that holds, or `otherwise`, hands off to this type with exactly these
 * inputs.
 */
export async function expectHandOff(
  db: Queryable,
  authority: Authority,
  type: string,
  inputs: JsonObject,
): Promise<void> {
  const { incident, plan } = authority
  const scope = await diagnosedScope(db, authority)
  const isPlanned = (ending: Ending | { remedy: string }, known: Scope) =>
    'end' in ending &&
    ending.end === 'handoff' &&
    ending.incident === type &&
    isSameJson(renderParameters(ending.inputs, known), inputs)
  const holding = evaluateCauses(plan, scope).filter(({ finding }) => finding.holds === true)
  if (holding.some(({ cause, affects }) => isPlanned(cause.then, causeScope(cause, affects, scope)))) return
  if (!isPlanned(plan.otherwise, scope)) refuse(incident, `the plan does not hand off to ${type} with these inputs`)
}
