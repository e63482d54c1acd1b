import type { GateState } from '../../src/core/decision.ts'
import type { Effect } from '../../src/core/effect.ts'
import { checkPlace, formatStage } from '../../src/core/place.ts'
import type { PlanAction } from '../../src/core/plan.ts'
import { ALL_TARGETS } from '../../src/core/proposal.ts'
import { readEffects } from '../../src/effects/record-effect.ts'
import { readGate } from '../../src/gate/gates.ts'
import { lastRecheck } from '../../src/gate/permit-recheck.ts'
import type { Queryable } from '../../src/history/database.ts'
import { readEvidenceAt } from '../../src/history/record.ts'
import { applyTimeoutMs, isSuccess } from '../../src/interpreter/action-result.ts'
import type { ApplyRequest } from '../../src/interpreter/host.ts'
import type { Authority } from './caller.ts'
import { proposedRemedy, type ProposedRemedy } from './proposed-remedy.ts'
import { refuse } from './refuse.ts'

/** The states that a gate which was approved never gets. */
const NEVER_APPROVED: ReadonlySet<GateState> = new Set(['open', 'rejected', 'expired', 'voided'])

/**
 * Refuses an action that may not run yet: the actions before it must have succeeded for the target, and their waits must have ended. The
 * time limit must be the limit in the plan, because the lease and the end of a command depend on it. Who approved the action, and whether
 * the target still qualifies, is checked when the permit is taken. An action that needs no permit is refused while nobody has approved the
 * proposal.
 */
export async function expectApply(db: Queryable, authority: Authority, request: ApplyRequest): Promise<void> {
  const { incident } = authority
  const { round, state } = await readGate(db, request.gate)
  if (NEVER_APPROVED.has(state)) refuse(incident, `${request.gate} is ${state}, so nothing was approved`)
  const proposed = await proposedRemedy(db, authority, round)
  const { actions } = proposed.remedy
  const index = actions.findIndex(({ id }) => id === request.action)
  const action = actions[index]
  if (!action) return refuse(incident, `the remedy has no action ${request.action}`)
  if (request.timeoutMs !== applyTimeoutMs(action))
    refuse(incident, `${action.id} has the time limit ${applyTimeoutMs(action)} ms, and not ${request.timeoutMs} ms`)
  const before = actions.slice(0, index)
  if (before.length === 0) return
  const effects = await readEffects(db, request.gate)
  for (const earlier of before) {
    const missing = await unfinished(db, authority, proposed, earlier, request.target, effects)
    if (missing !== undefined) refuse(incident, `${action.id} may not run yet: ${missing}`)
  }
}

/** What an earlier action has not finished; undefined if the next action may begin for the target. */
async function unfinished(
  db: Queryable,
  { incident }: Authority,
  proposed: ProposedRemedy,
  action: PlanAction,
  target: string,
  effects: Effect[],
): Promise<string | undefined> {
  const { proposal, remedy } = proposed
  const drafted = new Set(proposal.actions.filter(({ id }) => id === action.id).map((one) => one.target))
  const resultOf = (key: string) => effects.find((one) => one.action === action.id && one.target === key)
  if (drafted.has(ALL_TARGETS) || (target !== ALL_TARGETS && drafted.has(target))) {
    const key = drafted.has(ALL_TARGETS) ? ALL_TARGETS : target
    const effect = resultOf(key)
    if (!effect) return `no effect of ${action.id} on ${key} is recorded yet`
    if (!isSuccess(action, effect)) return `${action.id} did not succeed for ${key}`
  } else if (target === ALL_TARGETS) {
    // An action that is done once for all targets comes after every target that still qualifies and had no failure.
    const actionOf = (effect: Effect) => remedy.actions.find(({ id }) => id === effect.action) ?? {}
    const failed = new Set(effects.filter((one) => !isSuccess(actionOf(one), one)).map((one) => one.target))
    const kept = (await lastRecheck(db, proposal))?.targets ?? []
    const left = kept.find((key) => drafted.has(key) && !failed.has(key) && !resultOf(key))
    if (left !== undefined) return `no effect of ${action.id} on ${left} is recorded yet`
  }
  if (!action.wait) return undefined
  const stage = formatStage({ at: 'wait', round: proposal.round, action: action.id })
  const places = action.wait.checks.map(({ name }) => checkPlace(stage, name))
  const polled = await readEvidenceAt(db, incident, places)
  return polled.size < places.length ? `the wait after ${action.id} has not ended` : undefined
}
