import type { Person } from './person.ts'
import type { Plan } from './plan.ts'

/** The roles of `access` in the configuration, the weakest first. Each role includes those before it. */
export const ROLES = ['viewer', 'operator', 'approver', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** A role that people and members of groups have over everything, or only over the runbooks that fit every given list. */
export interface Grant {
  role: Role
  people: string[]
  groups: string[]
  /** Incident types. */
  types?: string[]
  /** Names of runbooks. */
  runbooks?: string[]
  /** The role is for runbooks that use no other connection. */
  connections?: string[]
}

/** The facts about a plan on which it depends whether a grant is for it. */
export interface Subject {
  type: string
  runbook: string
  /** The connections of all checks and actions; undefined if they cannot be known, and then no grant with connections is for it. */
  connections: string[] | undefined
}

/**
 * What a role is wanted over: the runbook and incidents of one plan, everything, or anything at all. A grant with a list of types, runbooks
 * or connections does not give a role over everything.
 */
export type Over = Subject | 'everything' | 'anything'

/** The strongest role of the person over it; undefined if the person may not even see it. */
export function roleOver(grants: readonly Grant[] | undefined, person: Person, over: Over): Role | undefined {
  if (grants === undefined) return person.role === 'viewer' ? 'viewer' : 'admin'
  const held = grantsOf(grants, person).flatMap((grant) => (covers(grant, over) ? grant.role : []))
  const strongest = ROLES.findLast((role) => held.includes(role))
  return strongest !== undefined && person.role === 'viewer' ? 'viewer' : strongest
}

/** Whether a role includes the wanted one. */
export function includesRole(held: Role | undefined, wanted: Role): boolean {
  return held !== undefined && ROLES.indexOf(held) >= ROLES.indexOf(wanted)
}

/** The grants that name the person or a group of the person. */
export function grantsOf(grants: readonly Grant[], person: Person): Grant[] {
  return grants.filter(
    ({ people, groups }) => people.includes(person.name) || person.groups.some((group) => groups.includes(group)),
  )
}

/** A grant as text, such as `approver, only for incidents of the types stuck-run`. */
export function describeGrant({ role, types, runbooks, connections }: Grant): string {
  const limits = [
    ...(types ? [`incidents of the types ${types.join(', ')}`] : []),
    ...(runbooks ? [`the runbooks ${runbooks.join(', ')}`] : []),
    ...(connections ? [`runbooks that use no connection but ${connections.join(', ')}`] : []),
  ]
  return limits.length === 0 ? `${role}, for everything` : `${role}, only for ${limits.join(', and only for ')}`
}

function covers({ types, runbooks, connections }: Grant, over: Over): boolean {
  if (over === 'anything') return true
  if (over === 'everything') return types === undefined && runbooks === undefined && connections === undefined
  return (
    (types === undefined || types.includes(over.type)) &&
    (runbooks === undefined || runbooks.includes(over.runbook)) &&
    (connections === undefined || (over.connections?.every((one) => connections.includes(one)) ?? false))
  )
}

/** The subject of a plan that was compiled from a runbook. */
export function subjectOf(plan: Pick<Plan, 'name' | 'incident' | 'checks' | 'remedies'>): Subject {
  return { type: plan.incident, runbook: plan.name, connections: connectionsOf(plan) }
}

/** The connections that the checks and actions of a plan name; undefined if one of them is not a fixed name. */
function connectionsOf({ checks, remedies }: Pick<Plan, 'checks' | 'remedies'>): string[] | undefined {
  const inRemedies = Object.values(remedies).flatMap(({ actions, verify }) => [
    ...actions,
    ...actions.flatMap(({ wait }) => wait?.checks ?? []),
    ...verify.checks,
  ])
  const named = [...checks, ...inRemedies].flatMap(({ with: { connection } }) => connection ?? [])
  const names = named.flatMap((value) => ('lit' in value && typeof value.lit === 'string' ? value.lit : []))
  return names.length === named.length ? [...new Set(names)] : undefined
}
