import type { PlanRemedy } from '../../core/plan.ts'
import { policyAction, policyTerms } from '../../core/policy.ts'
import { isAtLeast, strengthText } from '../../core/strength.ts'
import type { Span } from '../parse/source.ts'
import type { Section } from '../structure/section.ts'
import type { Context } from './context.ts'

/**
 * Reports an approval that is weaker than the policy of the configuration. The engine applies the stricter of the two, and readers of the
 * runbook must see the approval that is really required.
 */
export function checkPolicy({ policy, reporter }: Context, section: Section, remedy: PlanRemedy): void {
  if (!policy) return
  const { approval: asked, risk } = remedy
  const actions = remedy.actions.map(({ kind, with: given }) => policyAction({ kind, with: literals(given) }))
  const weaker = (at: Span, rule: string, what: string) =>
    reporter.error('weaker-than-policy', at, `The policy rule "${rule}" of the configuration ${what}.`)
  for (const rule of policy.rules) {
    const terms = policyTerms({ ...policy, rules: [rule] }, risk, actions)
    if (!terms) continue
    const groups = rule.by.join(' or ')
    const people = rule.count === 1 ? '1 person' : `${rule.count} people`
    if (asked.auto) {
      const at = section.has('approval') ? section.at('approval') : section.at('do')
      weaker(at, rule.name, `demands that ${people}${groups && ` of ${groups}`} approve this remedy`)
      continue
    }
    const approval = section.section('approval')!
    for (const scalar of rule.by.length > 0 ? approval.names('by') : [])
      if (!rule.by.includes(String(scalar.value)))
        weaker(
          scalar,
          rule.name,
          `demands approvals of ${groups}, so the group "${String(scalar.value)}" is not enough`,
        )
    if (asked.count < rule.count)
      weaker(
        approval.has('count') ? approval.at('count') : approval.at('by'),
        rule.name,
        `demands that ${people} approve`,
      )
    const given = asked.strength ?? 'login'
    if (approval.has('strength') && !isAtLeast(given, rule.strength))
      weaker(approval.at('strength'), rule.name, `demands approvals ${strengthText(rule.strength)}`)
  }
}

function literals(given: PlanRemedy['actions'][number]['with']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => ('lit' in value ? [[name, value.lit]] : [])),
  )
}
