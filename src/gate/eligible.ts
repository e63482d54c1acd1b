import { includesRole, roleOver, type Subject } from '../core/access.ts'
import type { Person } from '../core/person.ts'
import { policyName, type PolicyTerms } from '../core/policy.ts'
import { proposedStrength, type ProposedApproval } from '../core/proposal.ts'
import { isAtLeast, strongerOf, type Strength } from '../core/strength.ts'
import type { Queryable } from '../history/database.ts'
import { subjectOfPlan } from '../history/subjects.ts'
import type { Deciders } from './deciders.ts'
import type { GateRow, LockedIncident } from './gates.ts'
import type { SignedClaims } from './keyring.ts'

/** The facts on which it depends whether a person may decide on a gate. */
export interface DecisionContext {
  incident: LockedIncident
  gate: Pick<GateRow, 'proposal' | 'escalatedAt'>
  /** The time of the engine's database. */
  now: Date
  /** The demands of the policy on this approval (`policy-terms.ts`). */
  terms: PolicyTerms | undefined
  /** What the grants of `access` are compared with; undefined if there is no such section, or if the plan cannot be read. */
  subject: Subject | undefined
  deciders: Pick<Deciders, 'access' | 'breakGlass' | 'pages'>
}

/** The subject of an incident's plan for `DecisionContext`. It is read only if grants restrict who may decide. */
export async function decidedSubject(
  db: Queryable,
  { access }: Pick<Deciders, 'access'>,
  { planDigest }: Pick<LockedIncident, 'planDigest'>,
): Promise<Subject | undefined> {
  return access && subjectOfPlan(db, planDigest)
}

/** The parts of a signed decision on which it depends who may make it. */
interface EligibleClaims {
  strength: Strength
  claims: Pick<SignedClaims['claims'], 'decision' | 'breakGlass'>
}

/**
 * Why this person may not make this decision on this gate; undefined if the person may. It is checked when the person decides, and again
 * for every permit.
 */
export function ineligible(
  { incident, gate, now, terms, subject, deciders }: DecisionContext,
  signed: EligibleClaims,
  person: Person,
): string | undefined {
  const { decision, breakGlass: alone } = signed.claims
  if (person.role === 'viewer') return `${person.name} has the role "viewer", which may only read`
  if (!includesRole(roleOver(deciders.access, person, subject ?? 'everything'), 'approver'))
    return `${person.name} has no role that may decide on proposals of the runbook ${incident.runbook}. The roles are set in runbook.config.yaml, under "access".`
  if (decision === 'approve') {
    const why =
      tooWeak({ incident, gate, terms, deciders }, signed.strength, person) ??
      (terms && refusedByPolicy(terms, incident, signed, person))
    if (why !== undefined) return why
  }
  if (alone !== undefined) return refusedBreakGlass(person, deciders)
  const { by, excludeRequester, onTimeout } = gate.proposal.approval
  // The gate's row alone is not trusted. More groups may decide only after the time at which the signed proposal
  // expires.
  const isWidened = gate.escalatedAt !== null && onTimeout === 'escalate' && now >= new Date(gate.proposal.expiresAt)
  const groups = isWidened ? widenedGroups(gate.proposal.approval) : by
  if (!isInOneOf(person, groups))
    return `${person.name} is in none of the groups that may decide on this gate: ${groups.join(', ')}`
  if (decision === 'approve' && excludeRequester && isRequester(incident, person))
    return `${person.name} opened the incident, and the requester may not approve this remedy: ask another person`
  return undefined
}

/** Why the proof of this approval is not strong enough. Break-glass does not lift this rule. */
function tooWeak(
  { incident, gate, terms, deciders }: Omit<DecisionContext, 'now' | 'subject'>,
  given: Strength,
  { name }: Person,
): string | undefined {
  const demanded = demandedStrength(gate, terms)
  if (isAtLeast(given, demanded)) return undefined
  const rule = terms?.strength === demanded ? policyName(terms) : 'the runbook'
  if (demanded === 'signed')
    return `${rule} demands an approval that ${name} signed with a key of their own: use "runbook sign"`
  const page = `${deciders.pages ?? ''}/incidents/${incident.id}`
  return `${rule} demands an approval with a passkey of ${name}: approve on the page ${page}`
}

/** How an approval of this gate must be proved: what the runbook demands, or what the policy demands, if that is more. */
export function demandedStrength(gate: Pick<GateRow, 'proposal'>, terms: PolicyTerms | undefined): Strength {
  return strongerOf(proposedStrength(gate.proposal), terms?.strength ?? 'login')
}

function refusedBreakGlass({ name, groups }: Person, { breakGlass = [] }: Pick<Deciders, 'breakGlass'>) {
  if (groups.some((group) => breakGlass.includes(group))) return undefined
  return `${name} may not use break-glass approval. The groups whose members may: ${breakGlass.join(', ') || '(none is configured)'}`
}

/**
 * Why the policy refuses this decision; undefined if it does not. Where the policy allows break-glass, it lifts the
 * rules about groups, the number of people and excluded people.
 */
function refusedByPolicy(
  terms: PolicyTerms,
  incident: LockedIncident,
  { claims }: EligibleClaims,
  person: Person,
): string | undefined {
  const rule = policyName(terms)
  if (claims.breakGlass !== undefined)
    return terms.breakGlass ? undefined : `${rule} does not allow anybody to approve this remedy alone`
  const missing = missingGroups(terms, person)
  if (missing) return `${person.name} is in none of the groups that ${rule} demands: ${missing.join(', ')}`
  if (terms.excludeRequester && isRequester(incident, person))
    return `${person.name} opened the incident, and ${rule} does not let the requester approve: ask another person`
  if (!terms.excludeAuthor) return undefined
  const { authors = [] } = terms
  if (authors.length === 0)
    return `${rule} does not let the author of the runbook approve, and nobody knows who that is: commit the runbook to git with an e-mail address that "people" of the configuration names, and open the incident again`
  if (authors.includes(person.name))
    return `${person.name} changed this runbook, and ${rule} does not let its author approve: ask another person`
  return undefined
}

/** The first list of groups in the policy that contains none of the person's groups. */
export function missingGroups({ groups }: Pick<PolicyTerms, 'groups'>, person: Person): string[] | undefined {
  return groups.find((list) => !isInOneOf(person, list))
}

function isInOneOf(person: Person, groups: string[]): boolean {
  return person.groups.some((group) => groups.includes(group))
}

function isRequester({ requesters }: LockedIncident, { name }: Person): boolean {
  return requesters.includes(`person:${name}`)
}

/** The groups that decide on a gate after it was widened: the first groups and `escalateTo`. */
export function widenedGroups({ by, escalateTo }: Pick<ProposedApproval, 'by' | 'escalateTo'>): string[] {
  return [...new Set([...by, ...escalateTo])]
}
