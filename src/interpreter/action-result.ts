import { kindOfAction, type Effect } from '../core/effect.ts'
import type { PlanAction, Type } from '../core/plan.ts'
import { evaluateCondition } from './find.ts'

/** The names that an `expect` condition may use. The compiler has checked their types already. */
const EXPECT_TYPES: Record<string, Type> = { result: 'dyn' }

/** The timeout of one query whether a person has done a manual action. */
const MANUAL_QUERY_TIMEOUT_MS = 10_000

/** The time limit of one request to apply an action. For a manual action, the action's own timeout limits the person. */
export function applyTimeoutMs({ kind, timeoutMs }: Pick<PlanAction, 'kind' | 'timeoutMs'>): number {
  return kind === 'manual' ? Math.min(timeoutMs, MANUAL_QUERY_TIMEOUT_MS) : timeoutMs
}

/** Whether the result of an applied action meets the action's `expect`. */
export function meetsExpectation({ expect }: Pick<PlanAction, 'expect'>, { observed }: Pick<Effect, 'observed'>) {
  const scope = { values: { result: observed ?? null }, types: EXPECT_TYPES, states: {} }
  const expected = evaluateCondition(expect, scope)
  return 'value' in expected && expected.value === true
}

/** Whether the next action may follow on this effect's target. A step that a person reported as not done ends its target's actions. */
export function isSuccess(action: Pick<PlanAction, 'expect'>, effect: Effect): boolean {
  if (effect.result === 'applied') return meetsExpectation(action, effect)
  return effect.result === 'skipped' && kindOfAction(effect.action) !== 'manual'
}
