import { matchesKind, type Policy } from '../core/policy.ts'
import { ACTIONS } from './kinds/table.ts'

/** Finds rules that name an action kind which does not exist. Such a rule would match nothing, and so protect nothing. */
export function unknownPolicyKinds({ rules }: Policy): string[] {
  return rules.flatMap(({ name, match: { kind = [] } }) =>
    kind
      .filter((pattern) => !ACTIONS.some((action) => matchesKind(pattern, action.name)))
      .map((pattern) => `policy: rule "${name}": there is no action kind "${pattern}"`),
  )
}
