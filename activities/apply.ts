import { executeEffect } from '../src/effects/execute.ts'
import { RunbookError } from '../src/core/errors.ts'
import type { ProposedAction } from '../src/core/proposal.ts'
import { readGate } from '../src/gate/gates.ts'
import { takePermit } from '../src/gate/permit.ts'
import type { ApplyAnswer, ApplyRequest } from '../src/interpreter/host.ts'
import { ACTION_IMPLEMENTATIONS } from './actions/action-table.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { isAutoApproved } from './is-auto-approved.ts'

/** Applies one action of the stored proposal to one target. Everything comes from the gate's row; nothing is rendered again. */
export async function apply(dependencies: ActivityDependencies, request: ApplyRequest): Promise<ApplyAnswer> {
  const { database, targets, notify } = dependencies
  const gate = await readGate(database, request.gate)
  const action = gate.proposal.actions.find((one) => one.id === request.action && one.target === request.target)
  if (!action || !gate.intact || gate.proposalDigest !== request.proposalDigest)
    throw new RunbookError(
      'RUNBOOK_REFUSED',
      `${request.gate}: the stored proposal has no action ${request.action} for ${request.target} with this digest`,
    )
  const target = gate.proposal.targets.find((one) => one.key === request.target) ?? null
  const { proposalDigest, recheckedAt, timeoutMs } = request
  const rules = { ...dependencies, isAutoApproved: (one: ProposedAction) => isAutoApproved(dependencies, one) }
  const answer = await executeEffect(
    { gate: gate.id, action, target, proposalDigest, recheckedAt, timeoutMs },
    {
      database,
      targets,
      takePermit: (wanted) => takePermit(database, rules, wanted),
      implementations: ACTION_IMPLEMENTATIONS,
      notify,
    },
  )
  if ('stale' in answer) return { stale: answer.message }
  if ('cancelled' in answer) return { stopped: answer.message }
  if ('over' in answer) return { over: answer.message }
  if ('waiting' in answer) return { waiting: answer.message }
  return { effect: answer.effect }
}
