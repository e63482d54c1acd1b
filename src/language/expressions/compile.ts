import type { Expression, Type } from '../../core/plan.ts'
import { checkExpression } from './check.ts'
import type { Checked } from './check.ts'
import { MAX_LOOP_STEPS, loopSteps } from './cost.ts'
import { parseExpression } from './parse.ts'
import type { ExpressionProblem } from './parse.ts'
import { GROWS, SHRINKS, analyse } from './polarity.ts'
import type { CheckScope, Effects } from './polarity.ts'

export type Compiled =
  | { ok: true; expression: Expression; type: Type; names: string[]; effects: Effects }
  | { ok: false; problems: ExpressionProblem[] }

const NO_CHECKS: CheckScope = { checks: {} }

/**
 * Checks one CEL expression against the types of the names in scope. Determines which checks it reads, and how missing rows of
 * truncated results could change its value. `checkScope`: which names are checks. `otherNames`: names that a message about an unknown name
 * may suggest. Never throws.
 */
export function compileExpression(
  cel: string,
  types: Record<string, Type>,
  checkScope: CheckScope = NO_CHECKS,
  otherNames: readonly string[] = [],
): Compiled {
  const checked = checkedExpression(cel, types, otherNames)
  if (!checked.ok) return checked
  const { checks, names, effects } = analyse(checked, checkScope)
  const having = (bit: number) => [...effects].filter(([, bits]) => (bits & bit) !== 0).map(([check]) => check)
  const expression = { cel, checks, grows: having(GROWS), shrinks: having(SHRINKS) }
  return { ok: true, expression, type: checked.type, names, effects }
}

/** The parsed and typed expression, or all its problems. Expressions that could cost too much are refused. */
export function checkedExpression(
  cel: string,
  types: Record<string, Type>,
  otherNames: readonly string[] = [],
): ({ ok: true } & Checked) | { ok: false; problems: ExpressionProblem[] } {
  const parsed = parseExpression(cel)
  if ('problem' in parsed) return { ok: false, problems: [parsed.problem] }
  const checked = checkExpression(parsed.root, types, otherNames)
  if (checked.problems.length > 0) return { ok: false, problems: checked.problems }
  const steps = loopSteps(parsed.root)
  if (steps > MAX_LOOP_STEPS) return { ok: false, problems: [tooCostly(cel)] }
  return { ok: true, ...checked }
}

function tooCostly(cel: string): ExpressionProblem {
  const message = 'Three nested loops over lists cost too much. Join in SQL, or filter in a separate check.'
  return { rule: 'expression-too-complex', message, start: 0, end: cel.length }
}
