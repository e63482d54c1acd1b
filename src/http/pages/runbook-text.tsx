import { humanDuration } from '../../core/duration.ts'
import { describeTerms, policyAction, policyTerms, type Policy, type PolicyAction } from '../../core/policy.ts'
import type { Plan, PlanAction, PlanCause, PlanRemedy } from '../../core/plan.ts'
import { valueText } from '../../engine/views/value-text.ts'
import { DataTable } from './data-table.tsx'
import { plural, Short } from './words.tsx'

/** A runbook in words and tables: the symptom, the checks, the causes in their order, and the remedies. */
export function RunbookText({ plan, policy }: { plan: Plan; policy: Policy }) {
  return (
    <>
      <section class="card">
        <h2>Diagnosis</h2>
        <p>
          The symptom is present while <code>{plan.symptom ? <Short value={plan.symptom.cel} /> : 'true'}</code>.
        </p>
        <DataTable
          caption="Checks"
          columns={['check', 'kind', 'needs', 'parameters']}
          rows={plan.checks.map((check) => [
            check.name,
            check.kind,
            check.needs.join(', '),
            <Short value={parametersOf(check)} />,
          ])}
          empty="It has no checks."
        />
        <DataTable
          caption="Causes; the first one that holds is treated"
          columns={['cause', 'what it means', 'holds if', 'then']}
          rows={plan.causes.map((cause) => [
            cause.name,
            <Short value={cause.title} />,
            <code>
              <Short value={conditionOf(cause)} />
            </code>,
            endingText(cause.then),
          ])}
          empty="It has no causes."
        />
        <p>
          If no cause holds: {endingText(plan.otherwise)}. It escalates to {plan.escalate.to.join(', ')}.
        </p>
      </section>
      {Object.values(plan.remedies).map((remedy) => (
        <Remedy remedy={remedy} policy={policy} />
      ))}
    </>
  )
}

function conditionOf({ when, affects }: PlanCause): string {
  return [...(when ? [when.cel] : []), ...(affects ? [`affects: ${affects.cel}`] : [])].join('; ') || 'always'
}

function endingText(then: PlanCause['then']): string {
  if ('remedy' in then) return `remedy ${then.remedy}`
  if (then.end === 'handoff') return `hand off to ${then.incident}`
  return then.end === 'escalate' ? 'escalate' : 'no action'
}

function Remedy({ remedy, policy }: { remedy: PlanRemedy; policy: Policy }) {
  const { name, title, risk, actions, limits, approval, verify } = remedy
  const demanded = policyTerms(policy, risk, actions.map(actionForPolicy))
  return (
    <section class="card">
      <h2>Remedy {name}</h2>
      <p>
        <Short value={title} />
      </p>
      <p class="facts">
        <span class={`risk-${risk}`}>risk: {risk}</span>{' '}
        <span>{remedy.for === undefined ? 'done once' : `at most ${plural(limits.maxTargets, 'target')}`}</span>{' '}
        <span>
          {approval.auto
            ? 'asks for no approval'
            : `${plural(approval.count, 'approval')} of ${approval.by.join(' or ')}`}
        </span>
      </p>
      {demanded && <p>Whatever the runbook asks for: {describeTerms(demanded)}.</p>}
      <DataTable
        caption={`Actions of ${name}, in their order`}
        columns={['action', 'parameters', 'only if']}
        rows={actions.map((action) => [
          action.kind,
          <Short value={parametersOf(action)} />,
          action.if ? <Short value={action.if.cel} /> : '',
        ])}
        empty="It has no actions."
      />
      {verify.checks.length === 0 ? (
        <p>It has no verification.</p>
      ) : (
        <p>
          It helped if{' '}
          <code>
            <Short value={verify.until.cel} />
          </code>
          {verify.holdsMs > 0 && ` for ${humanDuration(verify.holdsMs)}`}, within {humanDuration(verify.withinMs)}.
        </p>
      )}
    </section>
  )
}

/** An action as rules of the policy are matched with. The connection of an action is always written as it is. */
function actionForPolicy({ kind, with: given }: PlanAction): PolicyAction {
  return policyAction({ kind, with: given['connection'] ? { connection: valueText(given['connection']) } : {} })
}

/** Parameters on one line, whatever line breaks a statement has. */
function parametersOf({ with: given }: Pick<PlanAction, 'with'>): string {
  return Object.entries(given)
    .map(
      ([name, value]) =>
        `${name}: ${valueText(value)
          .trim()
          .replace(/\s*\n\s*/g, ' ')}`,
    )
    .join(', ')
}
