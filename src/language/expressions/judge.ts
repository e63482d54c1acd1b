import type { Json } from '../../core/json.ts'
import type { Expression, Type } from '../../core/plan.ts'
import { evaluate } from './evaluate.ts'

/** How a check went. `truncated`: it succeeded, and `.rows` is only a part of what there is. */
export type CheckState = 'ok' | 'failed' | 'truncated'

export type Judgement = { value: Json } | { undetermined: string }

/**
 * Three-valued evaluation. An expression that reads a failed check has no value, whatever CEL would say. Over truncated rows a
 * value counts only if further rows could not have changed it: of a list, what was found counts, but not that nothing was found.
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
  const doubtful = doubts(value, grows, shrinks)
  return doubtful.length === 0 ? { value } : { undetermined: `${names(doubtful)} returned only a part of its rows` }
}

/** The checks whose cut-off rows could have changed this value. */
function doubts(value: Json, grows: string[], shrinks: string[]): string[] {
  if (value === true) return shrinks
  if (value === false) return grows
  if (Array.isArray(value)) return value.length > 0 ? shrinks : grows
  return [...new Set([...grows, ...shrinks])]
}

/** A check that never ran has told nothing. */
function stateOf(state: Record<string, CheckState>, check: string): CheckState {
  return Object.hasOwn(state, check) ? state[check]! : 'failed'
}

function names(checks: string[]): string {
  return checks.map((check) => `"${check}"`).join(', ')
}
