import type { Plan, PlanAction, Value } from '../../src/core/plan.ts'
import type { Proposal } from '../../src/core/proposal.ts'
import { expression, plan, remedy } from '../unit/interpreter/plan-fixture.ts'

type Terms = Pick<Proposal, 'remedy' | 'title' | 'risk' | 'cause' | 'limits' | 'approval' | 'actions'>

/**
 * A plan from which this proposal can follow. The terms of the plan are those of the proposal. Every parameter is an expression, because an
 * expression can have any value.
 */
export function planOf({ remedy: name, title, risk, cause, limits, approval, actions }: Terms): Plan {
  const { auto, by, count, onTimeout, validForMs, escalateTo, strength } = approval
  const own = strength === undefined ? {} : { strength }
  const planned = new Map<string, PlanAction>()
  for (const { id, kind, access, with: given } of actions) {
    const parameters = Object.keys(given).map((parameter): [string, Value] => [parameter, { expr: expression('true') }])
    planned.set(id, { id, kind, access, with: Object.fromEntries(parameters), once: false, timeoutMs: 1_000 })
  }
  const mend = remedy(name, {
    title,
    risk,
    limits,
    actions: [...planned.values()],
    approval: auto ? { auto } : { auto, by, count, onTimeout, validForMs, withinMs: 60_000, ...own },
  })
  return plan({
    causes: [{ name: cause, title: cause, because: { lit: '' }, despite: [], then: { remedy: name } }],
    remedies: { [name]: mend },
    escalate: { to: escalateTo, message: { lit: '' } },
  })
}
