import type { Json } from '../../core/json.ts'
import type { Expression, Type } from '../../core/plan.ts'
import { evaluate } from './evaluate.ts'

/** The state of a check. `truncated`: it succeeded, but `.rows` is incomplete. */
export type CheckState = 'ok' | 'failed' | 'truncated'

export type Judgement = { value: Json } | { undetermined: string }

/**
 * Three-valued evaluation. An expression that reads a failed check is undetermined, even if CEL would give a value. Over a truncated
 * result, a value counts only if the missing rows could not change it: items that were found count, but an empty list is undetermined.
 * Throws EvaluationError.
 */
export function judge(
  expression: Expression,
  scope: Record<string, Json>,
  types: Record<string, Type>,
  state: Record<string, CheckState>,
): Judgement {
  const missing = expression.checks.filter((check) => stateOf(state, check) === 'failed')
  if (missing.length > 0) return { undetermined: `${names(missing)} could not be read` }
  const value = evaluate(expression, scope, types)
  const cut = (checks: string[]) => checks.filter((check) => stateOf(state, check) === 'truncated')
  const [grows, shrinks] = [cut(expression.grows), cut(expression.shrinks)]
  if (grows.length === 0 && shrinks.length === 0) return { value }
  const causes = causesOfDoubt(value, grows, shrinks)
  return causes.length === 0 ? { value } : { undetermined: `the result of ${names(causes)} was truncated` }
}

/** The checks whose missing rows could change this value. */
function causesOfDoubt(value: Json, grows: string[], shrinks: string[]): string[] {
  if (value === true) return shrinks
  if (value === false) return grows
  if (Array.isArray(value)) return value.length > 0 ? shrinks : grows
  return [...new Set([...grows, ...shrinks])]
}

/** A check that did not run counts as failed. */
function stateOf(state: Record<string, CheckState>, check: string): CheckState {
  return Object.hasOwn(state, check) ? state[check]! : 'failed'
}

function names(checks: string[]): string {
  return checks.map((check) => `"${check}"`).join(', ')
}
