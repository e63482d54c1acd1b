import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Plan, PlanRemedy } from '../core/plan.ts'

/**
 * The groups that approve the remedies of the plans, and the groups that the runbooks escalate to. With `isConcerned`, only such remedies
 * count, and runbooks that have none are left out.
 */
export function decidingGroups(plans: Plan[], isConcerned?: (remedy: PlanRemedy) => boolean): string[] {
  const groups = plans.flatMap((plan) => {
    const remedies = Object.values(plan.remedies).filter((remedy) => isConcerned?.(remedy) ?? true)
    const approving = remedies.flatMap(({ approval }) => (approval.auto ? [] : approval.by))
    // A runbook without remedies only diagnoses and escalates.
    return remedies.length > 0 || isConcerned === undefined ? [...approving, ...plan.escalate.to] : []
  })
  return [...new Set(groups)].sort()
}

/** Throws `RUNBOOK_NOT_ALLOWED` unless the person is in one of the groups. `what` completes the sentence "ann may not …". */
export function requireGroup(person: Person, groups: string[], what: string): void {
  if (person.groups.some((group) => groups.includes(group))) return
  throw new RunbookError(
    'RUNBOOK_NOT_ALLOWED',
    `${person.name} may not ${what}. Members of these groups may: ${groups.join(', ') || '(none)'}`,
  )
}
