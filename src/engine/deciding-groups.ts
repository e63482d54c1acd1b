import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Plan, PlanRemedy } from '../core/plan.ts'

/** The groups that approve these remedies of the plans, and the groups that the runbooks escalate to. */
export function decidingGroups(plans: Plan[], isConcerned: (remedy: PlanRemedy) => boolean = () => true): string[] {
  const groups = plans.flatMap((plan) => {
    const remedies = Object.values(plan.remedies).filter(isConcerned)
    const approving = remedies.flatMap(({ approval }) => (approval.auto ? [] : approval.by))
    return remedies.length > 0 ? [...approving, ...plan.escalate.to] : []
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
