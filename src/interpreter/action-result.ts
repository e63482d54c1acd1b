import { kindOfAction, type Effect } from '../core/effect.ts'
import { formatPlace } from '../core/place.ts'
import type { PlanAction, Type } from '../core/plan.ts'
import { evaluateCondition } from './find.ts'
import type { Host } from './host.ts'

/** The names that an `expect` condition may use. The compiler has checked their types already. */
const EXPECT_TYPES: Record<string, Type> = { result: 'dyn' }

/** The timeout of one query whether a person has done a manual action. */
const MANUAL_QUERY_TIMEOUT_MS = 10_000

/** The time limit of one request to apply an action. For a manual action, it does not limit the person; the action's own timeout does. */
export function applyTimeoutMs({ kind, timeoutMs }: Pick<PlanAction, 'kind' | 'timeoutMs'>): number {
  return kind === 'manual' ? Math.min(timeoutMs, MANUAL_QUERY_TIMEOUT_MS) : timeoutMs
}

/** Whether the result of an applied action meets the action's `expect`. */
function meetsExpectation({ expect }: Pick<PlanAction, 'expect'>, { observed }: Pick<Effect, 'observed'>) {
  const scope = { values: { result: observed ?? null }, types: EXPECT_TYPES, states: {} }
  const expected = evaluateCondition(expect, scope)
  return 'value' in expected && expected.value === true
}

/** Whether the next action may follow on this effect's target. A step that a person reported as not done ends its target's actions. */
export function isSuccess(action: Pick<PlanAction, 'expect'>, effect: Effect): boolean {
  if (effect.result === 'applied') return meetsExpectation(action, effect)
  return effect.result === 'skipped' && kindOfAction(effect.action) !== 'manual'
}

/** An effect whose observed result does not meet the action's `expect` counts as refused: its target gets no further action. */
export async function refuseUnexpected(host: Host, round: number, action: PlanAction, effect: Effect): Promise<Effect> {
  if (!action.expect || effect.result !== 'applied' || meetsExpectation(action, effect)) return effect
  const detail = `the result does not meet "expect": ${action.expect.cel}`
  const { action: id, target } = effect
  const place = formatPlace({ kind: 'unexpected', round, action: id, target })
  await host.record({ place, kind: 'unexpected', data: { action: id, target, detail } })
  return { ...effect, result: 'refused', detail }
}
