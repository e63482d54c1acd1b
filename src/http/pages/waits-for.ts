import { CLOSES_WHEN } from '../../core/cancelling.ts'
import type { IncidentForReader } from '../../engine/views/incident-for-reader.ts'
import type { GateView } from '../../engine/views/view-types.ts'
import { approversOf, plural } from './words.tsx'

/** Says in one sentence what an incident waits for and who can continue it. `until`: when the wait ends without anybody doing anything. */
export interface Waits {
  text: string
  until?: string
}

export function waitsFor({ view, open }: IncidentForReader): Waits {
  if (view.closedAt !== null) return { text: `Closed: ${view.outcome}. Nothing waits.` }
  if (view.cancelling) return { text: `The incident is being cancelled: ${CLOSES_WHEN[view.state]}.` }
  const [outage] = view.waitsFor
  if (outage)
    return {
      text: `Waits for ${outage.connection}, which does not answer. It continues by itself when ${outage.connection} answers again, and gives up`,
      until: outage.until,
    }
  const [step] = view.manualSteps
  if (step)
    return {
      text: `Waits for a person to do ${plural(view.manualSteps.length, 'step')} by hand and to report it below. The remedy stops`,
      until: step.until,
    }
  if (open) return waitsForApproval(open)
  const gate = view.rounds.at(-1)?.gate
  if (gate?.state === 'overdue') return { text: `Waits for a worker: ${gate.why}.` }
  const decided = view.state === 'deciding' ? afterDecision(gate) : undefined
  const [control] = view.controls
  if (control)
    return {
      text:
        control.name === 'freeze'
          ? `Frozen by ${control.person} (${control.reason}): no remedy is applied until somebody runs "runbook unfreeze".`
          : `The breaker of ${control.name.replace('breaker/', '')} is open: no remedy is applied until a person closes it with "runbook breaker close".`,
    }
  if (decided) return decided
  return { text: AT_WORK[view.state] ?? 'The engine works on the incident; nobody needs to act.' }
}

const AT_WORK: Partial<Record<string, string>> = {
  open: 'Waits for a worker, which runs the first checks; nobody needs to act.',
  diagnosing: 'The engine runs the checks of the diagnosis; nobody needs to act.',
  deciding: 'The engine continues after the decision; nobody needs to act.',
  applying: 'The engine applies the approved remedy; nobody needs to act.',
  verifying: 'The engine checks whether the remedy helped; nobody needs to act.',
}

/** What happens after a decision that the engine has not acted on yet. */
function afterDecision(gate: GateView | null | undefined): Waits | undefined {
  if (gate?.state === 'approved')
    return {
      text: `Approved by ${approversOf(gate).join(', ')}. Next, the engine checks every target again and applies the remedy; nobody needs to act.`,
    }
  const rejection = gate?.decisions.findLast(({ decision, withdrawn }) => decision === 'reject' && !withdrawn)
  if (gate?.state !== 'rejected' || !rejection) return undefined
  return {
    text: rejection.nextCause
      ? `Rejected by ${rejection.person}: nothing is changed. Next, the engine looks for the next cause that holds; nobody needs to act.`
      : `Rejected by ${rejection.person}: nothing is changed. Next, the engine closes the incident; nobody needs to act.`,
  }
}

function waitsForApproval({ gate, deciders }: NonNullable<IncidentForReader['open']>): Waits {
  const approvers = approversOf(gate)
  const missing = Math.max(0, gate.required - approvers.length)
  const youMay = deciders.mayNotApprove === null && !approvers.includes(deciders.reader)
  const able = [...(youMay ? ['you'] : []), ...deciders.others.filter((name) => !approvers.includes(name))]
  const who = able.length > 0 ? able.join(', ') : `nobody in the configuration (groups: ${gate.groups.join(', ')})`
  return { text: `Waits for ${plural(missing, 'approval')} by: ${who}. Expires`, until: gate.expiresAt }
}
