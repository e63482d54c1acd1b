import { defined } from '../core/defined.ts'
import { messageOf } from '../core/errors.ts'
import type { Finding } from '../core/incident.ts'
import type { Json } from '../core/json.ts'
import type { Expression, Plan, PlanCause, Value } from '../core/plan.ts'
import { renderValue } from '../language/expressions/evaluate.ts'
import { judge } from '../language/expressions/judge.ts'
import { BudgetError } from '../language/expressions/runtime-values.ts'
import { listOf, incompleteChecks, withName, type Scope } from './scope.ts'

/** One cause, evaluated on the evidence of a round. */
export interface EvaluatedCause {
  cause: PlanCause
  finding: Finding
  /** The affected items; null unless the cause holds and has `affects`. */
  affects: Json[] | null
  /** The checks whose result is missing or truncated, if the cause is undetermined; otherwise empty. */
  missingChecks: string[]
}

export type Evaluation = { value: Json } | { undetermined: string }

/**
 * Evaluates a symptom or condition. The result is true if there is no expression, and undetermined if it cannot be
 * evaluated.
 */
export function evaluateCondition(expression: Expression | undefined, scope: Scope): Evaluation {
  if (!expression) return { value: true }
  try {
    return judge(expression, scope.values, scope.types, scope.states)
  } catch (error) {
    if (error instanceof BudgetError) throw error
    return { undetermined: `cannot be evaluated: ${messageOf(error)}` }
  }
}

/** Evaluates every cause, the most fundamental one first. */
export function evaluateCauses(plan: Plan, scope: Scope): EvaluatedCause[] {
  return plan.causes.map((cause) => evaluateCause(cause, scope))
}

export function evaluateCause(cause: PlanCause, scope: Scope): EvaluatedCause {
  const result = (holds: Finding['holds'], because: string, affects: Json[] | null = null): EvaluatedCause => ({
    cause,
    finding: defined({ cause: cause.name, title: cause.title, holds, because, affected: affects?.length }),
    affects,
    missingChecks: holds === 'undetermined' ? missingChecks(cause, scope) : [],
  })
  const when = evaluateCondition(cause.when, scope)
  if ('value' in when && when.value !== true) return result(false, `its condition is false: ${cause.when?.cel ?? ''}`)
  const affects = cause.affects && evaluateCondition(cause.affects, scope)
  const items = affects && 'value' in affects ? (affects.value as Json[]) : (cause.items ?? null)
  if (items?.length === 0) return result(false, 'nothing is affected')
  if ('undetermined' in when) return result('undetermined', when.undetermined)
  if (affects && 'undetermined' in affects) return result('undetermined', affects.undetermined)
  return result(true, renderSentence(cause.because, causeScope(cause, items, scope)), items)
}

function missingChecks({ when, affects }: PlanCause, scope: Scope): string[] {
  return [...new Set([...incompleteChecks(when, scope), ...incompleteChecks(affects, scope)])]
}

/** The scope in which a cause's `because` and its remedy are rendered. */
export function causeScope(cause: PlanCause, affects: Json[] | null, scope: Scope): Scope {
  return affects ? withName(scope, 'affects', affects, listOf(cause.affectsItem ?? 'dyn')) : scope
}

/**
 * Renders a template for people. A part that cannot be rendered becomes `?`, and the reason follows in parentheses: a failure here must
 * not end the incident.
 */
export function renderSentence(value: Value, scope: Scope): string {
  const reasons = new Set<string>()
  const renderPart = (part: string | Expression): string => {
    try {
      return renderValue({ text: [part] }, scope.values, scope.types) as string
    } catch (error) {
      if (error instanceof BudgetError) throw error
      reasons.add(typeof part === 'string' ? messageOf(error) : whyNotRendered(part, scope, error))
      return '?'
    }
  }
  const parts =
    'text' in value ? value.text : 'expr' in value ? [value.expr] : 'lit' in value ? [String(value.lit)] : []
  const text = parts.map(renderPart).join('')
  return reasons.size === 0 ? text : `${text} (${[...reasons].join('; ')})`
}

function whyNotRendered({ checks }: Expression, scope: Scope, error: unknown): string {
  const failed = checks.filter((name) => (scope.states[name] ?? 'failed') === 'failed')
  return failed.length > 0 ? `no result from ${failed.join(', ')}` : messageOf(error)
}

/**
 * `mayChange` is true if no cause was excluded. Then only missing evidence prevents a remedy, and the checks may find it when they run
 * again.
 */
export type Choice = { chosen: EvaluatedCause } | { escalate: string; mayChange: boolean } | { otherwise: true }

/**
 * Chooses the first cause that holds. If a cause above it is undetermined, the incident is escalated instead, unless the cause that holds
 * lists all the missing checks in `despite`. `whyExcluded` gives the reason why a cause that holds must not be chosen again.
 */
export function chooseCause(
  evaluated: EvaluatedCause[],
  whyExcluded: (one: EvaluatedCause) => string | undefined,
): Choice {
  const undetermined: EvaluatedCause[] = []
  const excluded: string[] = []
  for (const one of evaluated) {
    if (one.finding.holds === 'undetermined') undetermined.push(one)
    if (one.finding.holds !== true) continue
    const why = whyExcluded(one)
    if (why !== undefined) {
      excluded.push(why)
      continue
    }
    const blocking = undetermined.filter(
      ({ missingChecks: missing }) =>
        missing.length === 0 || !missing.every((check) => one.cause.despite.includes(check)),
    )
    if (blocking.length > 0)
      return {
        escalate: `${one.cause.name} holds, but ${names(blocking)} could not be ruled out`,
        mayChange: excluded.length === 0,
      }
    return { chosen: one }
  }
  if (excluded.length > 0) return { escalate: excluded.join('; '), mayChange: false }
  if (undetermined.length > 0)
    return { escalate: `no cause holds, and ${names(undetermined)} could not be ruled out`, mayChange: true }
  return { otherwise: true }
}

function names(causes: EvaluatedCause[]): string {
  return causes.map((one) => one.cause.name).join(', ')
}
