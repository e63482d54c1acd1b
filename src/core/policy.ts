import { isSameJson } from './canonical.ts'
import type { Risk } from './plan.ts'
import { strengthText, strongerOf, type Strength } from './strength.ts'

/**
 * A rule of the configuration: the minimum that an approval of the matching actions needs. A condition that is absent matches everything.
 */
export interface PolicyRule {
  name: string
  match: { connection?: string[]; kind?: string[]; risk?: Risk[]; environment?: string[] }
  /**
   * Every approval must come from a member of one of these groups. If it is empty, only the runbook names the groups.
   */
  by: string[]
  count: number
  excludeRequester: boolean
  excludeAuthor: boolean
  strength: Strength
  /** Whether a member of the break-glass groups may approve alone. */
  breakGlass: boolean
}

/** Who must approve, whatever a runbook says. */
export interface Policy {
  rules: PolicyRule[]
  /**
   * The environment of each connection that names one. All other connections, and actions without a connection, belong to `environment`.
   */
  environments: Record<string, string>
  environment?: string
}

export const NO_POLICY: Policy = { rules: [], environments: {} }

/** The demands of all matching rules together. They are stored with the proposal, so that every signature covers them. */
export interface PolicyTerms {
  /** The names of the rules. */
  rules: string[]
  /** Lists of groups. A person must be in one group of each list. */
  groups: string[][]
  count: number
  excludeRequester: boolean
  excludeAuthor: boolean
  strength: Strength
  breakGlass: boolean
  /**
   * The people who changed the runbook; empty if they are unknown. Present if authors are excluded and the incident's
   * plan is known.
   */
  authors?: string[]
}

/** The part of an action that rules are matched with. */
export interface PolicyAction {
  kind: string
  connection?: string
}

/** The demands of the policy on an approval of these actions; undefined if no rule matches any of them. */
export function policyTerms(policy: Policy, risk: Risk, actions: PolicyAction[]): PolicyTerms | undefined {
  return policy.rules
    .filter((rule) => actions.some((action) => matches(policy, rule, risk, action)))
    .map(termsOf)
    .reduce<PolicyTerms | undefined>(stricterTerms, undefined)
}

/** Returns the part of a proposed or drafted action that rules are matched with. */
export function policyAction({ kind, with: given }: { kind: string; with: Record<string, unknown> }): PolicyAction {
  const { connection } = given
  return typeof connection === 'string' ? { kind, connection } : { kind }
}

/** Whether a pattern of a rule names this kind: `sql.update`, or `sql.*` for all kinds that begin with `sql.`. */
export function matchesKind(pattern: string, kind: string): boolean {
  return pattern.endsWith('.*') ? kind.startsWith(pattern.slice(0, -1)) : pattern === kind
}

function matches(policy: Policy, { match }: PolicyRule, risk: Risk, { kind, connection }: PolicyAction): boolean {
  const environment = environmentOf(policy, connection)
  return (
    (match.connection === undefined || (connection !== undefined && match.connection.includes(connection))) &&
    (match.kind === undefined || match.kind.some((pattern) => matchesKind(pattern, kind))) &&
    (match.risk === undefined || match.risk.includes(risk)) &&
    (match.environment === undefined || (environment !== undefined && match.environment.includes(environment)))
  )
}

function environmentOf(policy: Policy, connection: string | undefined): string | undefined {
  const own = connection !== undefined && Object.hasOwn(policy.environments, connection)
  return own ? policy.environments[connection] : policy.environment
}

/** The names of the environments in which these actions change something. Empty if the configuration names none. */
export function environmentsOf(policy: Policy, actions: PolicyAction[]): string[] {
  const names = actions.map(({ connection }) => environmentOf(policy, connection))
  return [...new Set(names)].filter((name) => name !== undefined)
}

function termsOf({ name, by, count, excludeRequester, excludeAuthor, strength, breakGlass }: PolicyRule): PolicyTerms {
  const groups = by.length > 0 ? [by] : []
  return { rules: [name], groups, count, excludeRequester, excludeAuthor, strength, breakGlass }
}

/** Combines two sets of terms into terms that demand everything that either of the two demands. */
export function stricterTerms(one: PolicyTerms | undefined, other: PolicyTerms): PolicyTerms
export function stricterTerms(one: PolicyTerms | undefined, other: PolicyTerms | undefined): PolicyTerms | undefined
export function stricterTerms(one: PolicyTerms | undefined, other: PolicyTerms | undefined): PolicyTerms | undefined {
  if (!one || !other) return one ?? other
  const authors = one.authors || other.authors ? { authors: union(one.authors ?? [], other.authors ?? []) } : {}
  return {
    rules: union(one.rules, other.rules),
    groups: [...one.groups, ...other.groups.filter((list) => !one.groups.some((known) => isSameJson(known, list)))],
    count: Math.max(one.count, other.count),
    excludeRequester: one.excludeRequester || other.excludeRequester,
    excludeAuthor: one.excludeAuthor || other.excludeAuthor,
    strength: strongerOf(one.strength, other.strength),
    breakGlass: one.breakGlass && other.breakGlass,
    ...authors,
  }
}

function union(one: string[], other: string[]): string[] {
  return [...new Set([...one, ...other])]
}

/** The names of the rules as text for messages, such as `policy rule "production"`. */
export function policyName({ rules }: Pick<PolicyTerms, 'rules'>): string {
  return `policy rule${rules.length === 1 ? '' : 's'} ${rules.map((name) => `"${name}"`).join(', ')}`
}

/** The demands of the rules as text, such as `policy rule "production": 2 people of oncall or platform, not the requester`. */
export function describeTerms(terms: PolicyTerms): string {
  const groups = terms.groups.map((list) => ` of ${list.join(' or ')}`).join(' and')
  return [
    `${policyName(terms)}: ${terms.count === 1 ? '1 person' : `${terms.count} people`}${groups}`,
    ...restrictions(terms),
    ...(terms.breakGlass ? ['break-glass is allowed'] : []),
  ].join(', ')
}

/** The demands of the rules on a gate besides its number of approvals and its groups; undefined if there are none. */
export function furtherDemands(terms: PolicyTerms, gateGroups: string[]): string | undefined {
  const lists = terms.groups.filter((list) => gateGroups.some((group) => !list.includes(group)))
  const demands = [...lists.map((list) => `from members of ${list.join(' or ')}`), ...restrictions(terms)]
  return demands.length === 0 ? undefined : `${policyName(terms)}: ${demands.join(', ')}`
}

function restrictions({ excludeRequester, excludeAuthor, authors, strength }: PolicyTerms): string[] {
  const names = authors && (authors.length > 0 ? authors.join(', ') : 'unknown: nobody can approve')
  return [
    ...(excludeRequester ? ['not the requester'] : []),
    ...(excludeAuthor ? [`not the author of the runbook${names === undefined ? '' : ` (${names})`}`] : []),
    ...[strengthText(strength)].filter((text) => text !== undefined),
  ]
}
