import { isSameJson } from '../core/canonical.ts'
import type { Json } from '../core/json.ts'
import { insteadOfAuto, leastCount } from '../core/approval.ts'
import type { PolicyTerms } from '../core/policy.ts'
import type { Plan, PlanRemedy, Value } from '../core/plan.ts'
import type { Proposal, ProposedAction } from '../core/proposal.ts'
import { isTerms } from './policy-terms.ts'

/**
 * Why a proposal cannot result from the incident's plan; undefined if it can. This is checked when a gate is opened,
 * and again for each permit: who must approve, the limits and what is done come from the plan, not from the process
 * that stored the proposal.
 *
 * `requesterExcluded`: whether the configuration excludes the requester from every approval. `terms`: what its policy
 * demands now.
 */
export function departsFromPlan(
  plan: Plan,
  proposal: Omit<Proposal, 'proposedAt' | 'expiresAt'>,
  requesterExcluded: boolean,
  terms: PolicyTerms | undefined,
): string | undefined {
  const remedy = Object.hasOwn(plan.remedies, proposal.remedy) ? plan.remedies[proposal.remedy] : undefined
  if (!remedy) return `the plan has no remedy ${proposal.remedy}`
  const cause = plan.causes.find(({ name }) => name === proposal.cause)
  if (!cause || !('remedy' in cause.then) || cause.then.remedy !== remedy.name)
    return `the plan does not treat ${proposal.cause} with ${remedy.name}`
  if (proposal.title !== remedy.title || proposal.risk !== remedy.risk)
    return 'the title or the risk of the proposal differs from the plan'
  if (!isSameJson(proposal.limits, remedy.limits)) return 'the limits of the proposal differ from the plan'
  if (proposal.targets.length > remedy.limits.maxTargets)
    return `the proposal has more than ${remedy.limits.maxTargets} targets`
  return approvalDeparts(plan, remedy, proposal, requesterExcluded, terms) ?? actionsDepart(remedy, proposal)
}

function approvalDeparts(
  plan: Plan,
  remedy: PlanRemedy,
  { approval, risk }: Pick<Proposal, 'approval' | 'risk'>,
  requesterExcluded: boolean,
  terms: PolicyTerms | undefined,
): string | undefined {
  if (approval.policy !== undefined && !isTerms(approval.policy))
    return 'the policy terms of the proposal are not valid'
  if (!approval.excludeRequester && (risk === 'high' || requesterExcluded))
    return 'the requester may not approve this proposal'
  if (!isSameJson(approval.escalateTo, plan.escalate.to))
    return 'the groups that decide after an escalation differ from the plan'
  // If the configuration does not allow the plan's `approval: auto`, other people decide instead.
  if (remedy.approval.auto)
    return approval.auto ||
      isSameJson(approval.by, plan.escalate.to) ||
      isSameJson(approval.by, insteadOfAuto(plan.escalate.to, terms))
      ? undefined
      : 'the groups that decide differ from the plan'
  const { by, count, onTimeout, validForMs, strength = 'login' } = remedy.approval
  if (approval.auto) return 'the plan demands an approval'
  const asked = {
    by: approval.by,
    count: approval.count,
    onTimeout: approval.onTimeout,
    validForMs: approval.validForMs,
    strength: approval.strength ?? 'login',
  }
  // The policy at the time of the proposal may have raised the number of people. The present demands of the policy are checked when the
  // permit is taken.
  const least = leastCount(count, approval.policy)
  return isSameJson(asked, { by, count: least, onTimeout, validForMs, strength })
    ? undefined
    : 'the terms of the approval differ from the plan'
}

function actionsDepart(remedy: PlanRemedy, { actions }: Pick<Proposal, 'actions'>): string | undefined {
  for (const action of actions) {
    const planned = remedy.actions.find(({ id }) => id === action.id)
    if (!planned || planned.kind !== action.kind || planned.access !== action.access)
      return `the remedy has no action ${action.id} of kind ${action.kind}`
    if (planned.target !== undefined && planned.target !== action.target)
      return `${action.id} belongs to the target ${planned.target}, not to ${action.target}`
    const odd = parameterDeparts(planned.with, action)
    if (odd !== undefined) return `parameter ${odd} of ${action.id} differs from the plan`
  }
  return undefined
}

/**
 * A parameter that the plan does not have, or whose literal parts differ from the plan. The results of expressions are not compared here,
 * because the re-check compares them.
 */
function parameterDeparts(planned: Record<string, Value>, { with: given }: ProposedAction): string | undefined {
  const names = new Set([...Object.keys(planned), ...Object.keys(given)])
  return [...names].find(
    (name) => !Object.hasOwn(planned, name) || !Object.hasOwn(given, name) || !fits(planned[name]!, given[name]!),
  )
}

function fits(value: Value, given: Json): boolean {
  if ('lit' in value) return isSameJson(value.lit, given)
  if ('list' in value)
    return (
      Array.isArray(given) && given.length === value.list.length && value.list.every((item, i) => fits(item, given[i]!))
    )
  if ('map' in value) {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return false
    const names = Object.keys(value.map)
    return (
      names.length === Object.keys(given).length &&
      names.every((name) => Object.hasOwn(given, name) && fits(value.map[name]!, given[name]!))
    )
  }
  return 'expr' in value || typeof given === 'string'
}
