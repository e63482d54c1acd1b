import { matchesKind, type Policy } from '../core/policy.ts'
import { ACTIONS } from './kinds/table.ts'

/** Problems of rules that name an action kind which does not exist: such a rule would match nothing, and protect nothing. */
export function unknownPolicyKinds({ rules }: Policy): string[] {
  return rules.flatMap(({ name, match: { kind = [] } }) =>
    kind
      .filter((pattern) => !ACTIONS.some((action) => matchesKind(pattern, action.name)))
      .map((pattern) => `policy: rule "${name}": there is no action kind "${pattern}"`),
  )
}
