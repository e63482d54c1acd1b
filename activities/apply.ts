import { askPerson } from '../src/effects/ask-person.ts'
import { executeEffect } from '../src/effects/execute.ts'
import { refuseUntried } from '../src/effects/refuse-untried.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from '../src/effects/request.ts'
import { isRunbookError, messageOf, RunbookError } from '../src/core/errors.ts'
import type { ProposedAction } from '../src/core/proposal.ts'
import { readGate, type GateRow } from '../src/gate/gates.ts'
import { takePermit } from '../src/gate/permit.ts'
import type { PermitRequest, PermitRules } from '../src/gate/permit-request.ts'
import type { Database } from '../src/history/database.ts'
import { endOutages } from '../src/history/outages.ts'
import { readPlan } from '../src/history/plans.ts'
import { downConnection } from '../src/targets/connection-down.ts'
import type { ApplyAnswer, ApplyRequest } from '../src/interpreter/host.ts'
import { ACTION_IMPLEMENTATIONS } from './actions/action-table.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { isAutoApproved } from './is-auto-approved.ts'
import { waitWhileDown } from './wait-while-down.ts'

/** Applies one action of the stored proposal to one target. Everything comes from the gate's row; nothing is rendered again. */
export async function apply(
  dependencies: ActivityDependencies,
  request: ApplyRequest,
  mayHaveWaited = false,
): Promise<ApplyAnswer> {
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
  const effect = { gate: gate.id, action, target, proposalDigest, recheckedAt, timeoutMs }
  const deps = {
    database,
    targets,
    takePermit: (wanted: PermitRequest) => takePermit(database, permitRules(dependencies), wanted),
    implementations: ACTION_IMPLEMENTATIONS,
    notify,
  }
  const attempt = async () => {
    try {
      const done = await executeEffect(effect, deps)
      if (mayHaveWaited) await endOutages(database, gate.incident, true)
      return done
    } catch (error) {
      // This error means that the permit waits for the end of a freeze or for a lease. The permit is requested after the connection was
      // opened, so the system is not down.
      if (mayHaveWaited && isRunbookError(error, 'RUNBOOK_CONFLICT')) await endOutages(database, gate.incident, true)
      throw error
    }
  }
  const answer = await attempt().catch((error: unknown) => waitToApply(dependencies, gate, effect, deps, error))
  if ('stale' in answer) return { stale: answer.message }
  if ('cancelled' in answer) return { stopped: answer.message }
  if ('over' in answer) return { over: answer.message }
  if ('waiting' in answer) {
    await askPerson(
      database,
      gate,
      { action: action.id, target: action.target },
      await stepTimeoutMs(database, gate, action),
    )
    return { waiting: answer.message }
  }
  return { effect: answer.effect }
}

/** The rules that are valid when the permit is requested, which may differ from the rules when the activity began. */
function permitRules(dependencies: ActivityDependencies): PermitRules {
  const rules = dependencies.rulesNow?.() ?? dependencies
  return { ...rules, isAutoApproved: (action) => isAutoApproved(rules, action) }
}

/** How long a person has for a manual step. The request's timeout limits only one question whether the step is done. */
async function stepTimeoutMs(database: Database, gate: GateRow, { id }: ProposedAction): Promise<number> {
  const plan = await readPlan(database, gate.proposal.planDigest)
  const action = plan.remedies[gate.remedy]?.actions.find((one) => one.id === id)
  if (!action) throw new RunbookError('RUNBOOK_REFUSED', `${gate.id}: the plan has no action ${id} of ${gate.remedy}`)
  return action.timeoutMs
}

/**
 * Decides how to continue after an attempt failed because its connection is down. If the target has no permit yet,
 * nothing was started: the approval waits for as long as it is valid, and a cancelled incident ends. If the target has
 * a permit, the action may have been applied, so further attempts try to find its outcome until the wait is over.
 */
async function waitToApply(
  dependencies: ActivityDependencies,
  gate: GateRow,
  effect: EffectRequest,
  deps: EffectDeps,
  error: unknown,
): Promise<EffectAnswer> {
  const connection = downConnection(error)
  if (connection === undefined) throw error
  const why = messageOf(error)
  const { incident, round } = gate
  const permit = await dependencies.database.query('SELECT FROM runbook.permits WHERE gate = $1 AND target = $2', [
    gate.id,
    effect.action.target,
  ])
  const place = { incident, stage: `r${round}/apply`, gate: gate.id, isBegun: permit.rowCount === 1 }
  const wait = await waitWhileDown(dependencies, place, [{ connection, why }])
  if ('waiting' in wait) throw new RunbookError('RUNBOOK_UNREACHABLE', wait.waiting)
  if ('cancelled' in wait) return { cancelled: true, message: wait.cancelled }
  if ('ended' in wait) return { over: true, message: wait.ended }
  return refuseUntried(effect, deps, `${why}; ${wait.over}`)
}
