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
 * Checks one CEL expression against the types of the names in scope, and finds out which checks it reads and what rows that were
 * cut off could do to its value. `checkScope` says which names are checks. Never throws.
 */
export function compileExpression(
  cel: string,
  types: Record<string, Type>,
  checkScope: CheckScope = NO_CHECKS,
): Compiled {
  const checked = checkedExpression(cel, types)
  if (!checked.ok) return checked
  const { checks, names, effects } = analyse(checked, checkScope)
  const having = (bit: number) => [...effects].filter(([, bits]) => (bits & bit) !== 0).map(([check]) => check)
  const expression = { cel, checks, grows: having(GROWS), shrinks: having(SHRINKS) }
  return { ok: true, expression, type: checked.type, names, effects }
}

/** Parsed, typed and within its cost; or every problem. */
export function checkedExpression(
  cel: string,
  types: Record<string, Type>,
): ({ ok: true } & Checked) | { ok: false; problems: ExpressionProblem[] } {
  const parsed = parseExpression(cel)
  if ('problem' in parsed) return { ok: false, problems: [parsed.problem] }
  const checked = checkExpression(parsed.root, types)
  if (checked.problems.length > 0) return { ok: false, problems: checked.problems }
  const steps = loopSteps(parsed.root)
  if (steps > MAX_LOOP_STEPS) return { ok: false, problems: [tooCostly(cel)] }
  return { ok: true, ...checked }
}

function tooCostly(cel: string): ExpressionProblem {
  const message =
    'Loops over three lists within each other cost too much. Join in SQL, or filter in a check of its own.'
  return { rule: 'expression-too-complex', message, start: 0, end: cel.length }
}
