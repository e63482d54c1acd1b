import type { Plan, PlanCheck, Type } from '../../core/plan.ts'
import type { Kind } from '../kinds/kind.ts'
import { kindNamed } from '../kinds/table.ts'

/** The result types of all checks: by the name of the check, and for the checks of a remedy also by `<remedy>/<name>`. */
export function resultTypes(plan: Plan): Map<string, Type | 'ambiguous'> {
  const types = new Map<string, Type | 'ambiguous'>(plan.checks.map((check) => [check.name, check.result]))
  for (const { remedy, check } of remedyChecks(plan)) {
    types.set(`${remedy}/${check.name}`, check.result)
    const other = types.get(check.name)
    const same = other === undefined || JSON.stringify(other) === JSON.stringify(check.result)
    types.set(check.name, same ? check.result : 'ambiguous')
  }
  return types
}

/**
 * The values of a healthy system for each check, by the names under which results are given. Empty if two checks with the same name differ.
 */
export function healthyValues(plan: Plan): ReadonlyMap<string, Kind['healthy']> {
  const kinds = new Map(plan.checks.map(({ name, kind }) => [name, kind]))
  for (const { remedy, check } of remedyChecks(plan)) {
    kinds.set(`${remedy}/${check.name}`, check.kind)
    const other = kinds.get(check.name) ?? check.kind
    kinds.set(check.name, other === check.kind ? other : '')
  }
  return new Map([...kinds].map(([name, kind]) => [name, kindNamed(kind)?.healthy]))
}

/** The checks of `verify` and `wait` of all remedies. */
function remedyChecks(plan: Plan): { remedy: string; check: PlanCheck }[] {
  return Object.values(plan.remedies).flatMap(({ name: remedy, verify, actions }) =>
    [...verify.checks, ...actions.flatMap((action) => action.wait?.checks ?? [])].map((check) => ({ remedy, check })),
  )
}
