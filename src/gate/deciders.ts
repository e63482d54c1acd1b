import type { People, Person } from '../core/person.ts'
import type { DecisionClaims } from './decision-schema.ts'

/** Who may decide, by the configuration as it is now; what is left out is not permitted. */
export interface Deciders {
  people: People
  /** Groups whose members may decide alone, with a reason. */
  breakGlass?: readonly string[]
  /** Whether people for whom the identity provider vouches may decide. */
  oidc?: boolean
}

/**
 * The person of a decision: a configured one, with the groups of the configuration, or one for whom the identity provider vouched
 * when they decided, with the groups that it said then. A name is one or the other, never both.
 */
export function deciderOf({ people, oidc }: Deciders, { person: name, groups }: DecisionClaims): Person | undefined {
  const configured = Object.hasOwn(people, name) ? people[name] : undefined
  if (groups === undefined) return configured
  return oidc && !configured ? { name, groups, keys: [], oidc: true } : undefined
}
