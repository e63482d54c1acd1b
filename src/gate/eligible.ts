import type { Person } from '../core/person.ts'
import type { ProposedApproval } from '../core/proposal.ts'
import type { Deciders } from './deciders.ts'
import type { DecisionClaims } from './decision-schema.ts'
import type { GateRow, LockedIncident } from './gates.ts'

/**
 * Why this person may not make this decision on this gate; undefined when they may. Checked when the person decides, and again for
 * every permit. `now` is the time of the engine's database.
 */
export function ineligible(
  incident: LockedIncident,
  { proposal, escalatedAt }: Pick<GateRow, 'proposal' | 'escalatedAt'>,
  now: Date,
  { decision, breakGlass: alone }: Pick<DecisionClaims, 'decision' | 'breakGlass'>,
  person: Person,
  { breakGlass = [] }: Pick<Deciders, 'breakGlass'>,
): string | undefined {
  if (alone !== undefined) {
    if (person.groups.some((group) => breakGlass.includes(group))) return undefined
    return `${person.name} may not break the glass: only members of these groups may: ${breakGlass.join(', ') || '(none is configured)'}`
  }
  const { by, excludeRequester, onTimeout } = proposal.approval
  // The row alone is not trusted: no gate is widened before the proposal's own expiry.
  const isWidened = escalatedAt !== null && onTimeout === 'escalate' && now >= new Date(proposal.expiresAt)
  const groups = isWidened ? widenedGroups(proposal.approval) : by
  if (!person.groups.some((group) => groups.includes(group)))
    return `${person.name} is in none of the groups that may decide on this gate: ${groups.join(', ')}`
  if (decision === 'approve' && excludeRequester && incident.requesters.includes(`person:${person.name}`))
    return `${person.name} opened the incident, and the requester may not approve this remedy: ask another person`
  return undefined
}

/** The groups that decide on a gate after it was widened: the first groups and `escalateTo`. */
export function widenedGroups({ by, escalateTo }: Pick<ProposedApproval, 'by' | 'escalateTo'>): string[] {
  return [...new Set([...by, ...escalateTo])]
}
