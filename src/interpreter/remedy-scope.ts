import type { Json } from '../core/json.ts'
import type { PlanRemedy } from '../core/plan.ts'
import { listOf, withName, type Scope } from './scope.ts'

/** The scope of `verify` and `wait`. The name `targets` holds the items to which the remedy was applied. */
export function withTargets(scope: Scope, remedy: PlanRemedy, items: Json[]): Scope {
  return withName(scope, 'targets', items, listOf(remedy.targetItem))
}
