import type { Person } from '../core/person.ts'
import type { ProposedApproval } from '../core/proposal.ts'
import type { Deciders } from './deciders.ts'
import type { DecisionClaims } from './decision-schema.ts'
import type { GateRow, LockedIncident } from './gates.ts'

/**
 * Why this person may not decide so on this gate; undefined when they may. Asked when they decide, and again for every permit, at
 * `now` by the engine's database.
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
    return `${person.name} may not break the glass: that takes one of the groups ${breakGlass.join(', ') || '(none is configured)'}`
  }
  const { by, excludeRequester, onTimeout } = proposal.approval
  // The row alone is not believed: before the proposal's own time is over nobody can have widened the gate.
  const isWidened = escalatedAt !== null && onTimeout === 'escalate' && now >= new Date(proposal.expiresAt)
  const groups = isWidened ? widenedGroups(proposal.approval) : by
  if (!person.groups.some((group) => groups.includes(group)))
    return `${person.name} is in none of the groups that decide here: ${groups.join(', ')}`
  if (decision === 'approve' && excludeRequester && incident.requesters.includes(`person:${person.name}`))
    return `${person.name} opened the incident, and the requester may not approve this remedy: another person must`
  return undefined
}

/** Those who decide, and those to whom an unanswered gate is widened. */
export function widenedGroups({ by, escalateTo }: Pick<ProposedApproval, 'by' | 'escalateTo'>): string[] {
  return [...new Set([...by, ...escalateTo])]
}
