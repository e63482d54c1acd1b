import type { Grant } from '../core/access.ts'
import type { People, Person } from '../core/person.ts'
import type { Policy } from '../core/policy.ts'
import type { DecisionClaims } from './decision-schema.ts'

/**
 * The people and rules that determine who may decide, according to the current configuration. A permission that is absent is not granted.
 */
export interface Deciders {
  people: People
  /** What each person may see and do. Absent: the groups of a gate and the policy alone say who may decide. */
  access?: readonly Grant[]
  /** The policy: the minimum that every approval needs. */
  policy: Policy
  /** Groups whose members may decide alone, with a reason. */
  breakGlass?: readonly string[]
  /** Whether people who are known only to the identity provider may decide. */
  oidc?: boolean
  /** The address of the pages, for messages. */
  pages?: string
  /** How many decisions one person may make on one incident. Absent: any number. */
  decisionsPerIncident?: number
}

/**
 * The person of a decision: a configured person with the configured groups, or a person of the identity provider with the groups that the
 * provider reported at the decision. A name never belongs to both. Undefined if the name belongs to neither.
 */
export function deciderOf(
  { people, oidc }: Pick<Deciders, 'people' | 'oidc'>,
  { person: name, groups }: DecisionClaims,
): Person | undefined {
  const configured = Object.hasOwn(people, name) ? people[name] : undefined
  if (groups === undefined) return configured
  return oidc && !configured ? { name, groups, keys: [], oidc: true } : undefined
}
