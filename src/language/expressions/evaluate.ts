import type { Json } from '../../core/json.ts'
import type { Expression, Type, Value as Template } from '../../core/plan.ts'
import { checkedExpression } from './compile.ts'
import { buildProgram } from './program.ts'
import type { Program } from './program.ts'
import { mayHoldDuration } from './types.ts'
import { BudgetError, EvaluationError, MAX_LENGTH, toJson, toText } from './runtime-values.ts'

export { EvaluationError } from './runtime-values.ts'

interface Ready {
  program: Program
  /** Whether the value may contain durations, which must be converted to strings. */
  converts: boolean
}

/**
 * Compiled programs, first by the object with the types, then by expression. A caller that keeps one such object per plan and place
 * compiles each expression once. The limit on entries bounds the memory of long-running processes.
 */
const cache = new WeakMap<Record<string, Type>, Map<string, Ready>>()
const MAX_CACHED = 500

/**
 * The value of an expression as plain JSON; durations are strings such as `90s`. The value may share structure with `scope`: treat both as
 * immutable. Throws EvaluationError, and BudgetError if the budget of an activation is used up.
 */
export function evaluate(expression: Expression, scope: Record<string, Json>, types: Record<string, Type>): Json {
  const { program, converts } = ready(expression.cel, types)
  const value = guarded(expression.cel, () => program(scope))
  return converts ? toJson(value) : (value as Json)
}

/**
 * The value of a template. An expression that is the whole template keeps its type. Inside a string, null is empty, and lists and
 * objects are JSON. Throws only EvaluationError.
 */
export function renderValue(template: Template, scope: Record<string, Json>, types: Record<string, Type>): Json {
  if ('lit' in template) return template.lit
  if ('expr' in template) return evaluate(template.expr, scope, types)
  if ('text' in template) return renderText(template.text, scope, types)
  if ('list' in template) return template.list.map((item) => renderValue(item, scope, types))
  const entries = Object.entries(template.map).map(([key, value]) => [key, renderValue(value, scope, types)] as const)
  return Object.fromEntries(entries)
}

function renderText(parts: (string | Expression)[], scope: Record<string, Json>, types: Record<string, Type>): string {
  let text = ''
  for (const part of parts) {
    text += typeof part === 'string' ? part : toText(evaluate(part, scope, types))
    if (text.length > MAX_LENGTH) throw new EvaluationError(`a string is longer than ${MAX_LENGTH} characters`)
  }
  return text
}

function ready(cel: string, types: Record<string, Type>): Ready {
  let programs = cache.get(types)
  if (!programs) cache.set(types, (programs = new Map()))
  const found = programs.get(cel)
  if (found) return found
  if (programs.size >= MAX_CACHED) programs.clear()
  const made = make(cel, types)
  programs.set(cel, made)
  return made
}

function make(cel: string, types: Record<string, Type>): Ready {
  const checked = checkedExpression(cel, types)
  if (!checked.ok) {
    const reasons = checked.problems.map((problem) => problem.message).join(' ')
    throw new EvaluationError(`${short(cel)}: ${reasons}`)
  }
  return { program: buildProgram(checked), converts: mayHoldDuration(checked.type) }
}

function guarded<T>(cel: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof BudgetError) throw new BudgetError(`${short(cel)}: ${error.message}`)
    if (error instanceof EvaluationError) throw new EvaluationError(`${short(cel)}: ${error.message}`)
    throw new EvaluationError(`${short(cel)}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function short(cel: string): string {
  const line = cel.trim().replace(/\s+/g, ' ')
  return line.length > 80 ? `${line.slice(0, 80)}…` : line
}
