import { isSameJson } from '../../src/core/canonical.ts'
import { gateId } from '../../src/core/incident.ts'
import type { Queryable } from '../../src/history/database.ts'
import { chooseCause, evaluateCauses, evaluateCondition, type EvaluatedCause } from '../../src/interpreter/find.ts'
import type { ProposalDraft } from '../../src/interpreter/host.ts'
import { draftProposal, renderRemedy } from '../../src/interpreter/render.ts'
import type { Authority } from './caller.ts'
import { diagnosedScope } from './expect-closing.ts'
import { refuse } from './refuse.ts'

/**
 * Refuses a draft that does not follow from the plan and the evidence of its round. The remedy is rendered again here, so that the actions,
 * the limits and the required approvals come from the plan. The workflow chooses only which targets are left out (those that an earlier
 * round treated) and which causes are passed over (those that an earlier round ruled out).
 */
export async function expectDraft(db: Queryable, authority: Authority, draft: ProposalDraft): Promise<void> {
  const { incident, plan } = authority
  if (draft.gate !== gateId(incident, draft.round)) refuse(incident, `${draft.gate} is not the gate of this round`)
  const scope = await diagnosedScope(db, authority, draft.round)
  const symptom = evaluateCondition(plan.symptom, scope)
  if ('value' in symptom && symptom.value !== true) refuse(incident, 'the symptom is not present')
  const evaluated = evaluateCauses(plan, scope)
  const chosen = claimedCause(authority, evaluated, draft.cause)
  const remedy = 'remedy' in chosen.cause.then ? plan.remedies[chosen.cause.then.remedy] : undefined
  if (!remedy) return refuse(incident, `cause ${draft.cause} has no remedy`)
  const all = renderRemedy(remedy, chosen, scope)
  const kept = new Set(draft.targets.map(({ key }) => key))
  const targets = all.targets.filter(({ target }) => kept.has(target.key))
  const findings = evaluated.map(({ finding }) => finding)
  const expected = draftProposal(plan, incident, draft.round, chosen, { ...all, targets }, findings)
  // Targets beyond `maxTargets` count as affected without being drafted.
  const { affected } = draft
  if (targets.length === 0 || !(affected >= targets.length && affected <= all.targets.length))
    refuse(incident, `the draft has a wrong number of affected targets: ${affected}`)
  if (!isSameJson({ ...expected, affected }, draft))
    refuse(incident, `the draft differs from the draft of ${remedy.name} that follows from the plan`)
}

/**
 * Returns the named cause if it holds, and if no cause above it forbids its remedy. A cause that an earlier round ruled out forbids
 * nothing.
 */
function claimedCause({ incident }: Authority, evaluated: EvaluatedCause[], name: string): EvaluatedCause {
  const at = evaluated.findIndex(({ cause }) => cause.name === name)
  const choice = chooseCause(evaluated, (one) =>
    evaluated.indexOf(one) < at ? 'ruled out in an earlier round' : undefined,
  )
  if ('chosen' in choice && choice.chosen.cause.name === name) return choice.chosen
  return refuse(incident, `the stored evidence does not show that cause ${name} holds`)
}
