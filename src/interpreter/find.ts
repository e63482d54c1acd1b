import { messageOf } from '../core/errors.ts'
import type { Finding } from '../core/incident.ts'
import type { Json } from '../core/json.ts'
import type { Expression, Plan, PlanCause, Value } from '../core/plan.ts'
import { renderValue } from '../language/expressions/evaluate.ts'
import { judge } from '../language/expressions/judge.ts'
import { listOf, weakChecks, withName, type Scope } from './scope.ts'

/** What one cause comes to on the evidence of a round. */
export interface Judged {
  cause: PlanCause
  finding: Finding
  /** The affected things, where the cause holds and names them. */
  affects: Json[] | null
  /** Where undetermined: the checks to blame. */
  blame: string[]
}

export type Verdict = { value: Json } | { undetermined: string }

/** A symptom or condition; true where there is none. An expression that cannot be evaluated is undetermined. */
export function verdict(expression: Expression | undefined, scope: Scope): Verdict {
  if (!expression) return { value: true }
  try {
    return judge(expression, scope.values, scope.types, scope.states)
  } catch (error) {
    return { undetermined: `cannot be evaluated: ${messageOf(error)}` }
  }
}

/** Every cause, most fundamental first. */
export function judgeCauses(plan: Plan, scope: Scope): Judged[] {
  return plan.causes.map((cause) => judgeCause(cause, scope))
}

export function judgeCause(cause: PlanCause, scope: Scope): Judged {
  const finding = (holds: Finding['holds'], because: string, affected?: number): Finding => ({
    cause: cause.name,
    title: cause.title,
    holds,
    because,
    ...(affected === undefined ? {} : { affected }),
  })
  const when = verdict(cause.when, scope)
  if ('value' in when && when.value !== true)
    return { cause, finding: finding(false, `not so: ${cause.when?.cel ?? ''}`), affects: null, blame: [] }
  const affected = cause.affects ? verdict(cause.affects, scope) : undefined
  const list = affected && 'value' in affected ? (affected.value as Json[]) : null
  if (list?.length === 0) return { cause, finding: finding(false, 'nothing is affected'), affects: null, blame: [] }
  const open =
    'undetermined' in when
      ? when.undetermined
      : affected && 'undetermined' in affected
        ? affected.undetermined
        : undefined
  if (open !== undefined) {
    const blame = [...new Set([...weakChecks(cause.when, scope), ...weakChecks(cause.affects, scope)])]
    return { cause, finding: finding('undetermined', open), affects: null, blame }
  }
  const because = sentence(cause.because, causeScope(cause, list, scope))
  return { cause, finding: finding(true, because, list?.length), affects: list, blame: [] }
}

/** The scope in which a cause's own words and its remedy are rendered. */
export function causeScope(cause: PlanCause, affects: Json[] | null, scope: Scope): Scope {
  return affects ? withName(scope, 'affects', affects, listOf(cause.affectsItem ?? 'dyn')) : scope
}

/** A template as a sentence for people. What cannot be rendered is a `?`, with the reason behind it: it must not end the incident. */
export function sentence(value: Value, scope: Scope): string {
  const reasons = new Set<string>()
  const said = (part: string | Expression): string => {
    try {
      return renderValue({ text: [part] }, scope.values, scope.types) as string
    } catch (error) {
      reasons.add(typeof part === 'string' ? messageOf(error) : whyNot(part, scope, error))
      return '?'
    }
  }
  const parts =
    'text' in value ? value.text : 'expr' in value ? [value.expr] : 'lit' in value ? [String(value.lit)] : []
  const text = parts.map(said).join('')
  return reasons.size === 0 ? text : `${text} (${[...reasons].join('; ')})`
}

function whyNot({ checks }: Expression, scope: Scope, error: unknown): string {
  const failed = checks.filter((name) => (scope.states[name] ?? 'failed') === 'failed')
  return failed.length > 0 ? `${failed.join(', ')} could not be read` : messageOf(error)
}

export type Choice = { treat: Judged } | { escalate: string } | { otherwise: true }

/**
 * The first cause that holds is treated. A cause above it that is undetermined forbids that, unless the one that holds goes on
 * despite the very checks that are missing. `exclude` names causes that were ruled out in earlier rounds.
 */
export function choose(judged: Judged[], exclude: (one: Judged) => string | undefined): Choice {
  const undetermined: Judged[] = []
  const excluded: string[] = []
  for (const one of judged) {
    if (one.finding.holds === 'undetermined') undetermined.push(one)
    if (one.finding.holds !== true) continue
    const why = exclude(one)
    if (why !== undefined) {
      excluded.push(why)
      continue
    }
    const inTheWay = undetermined.filter(
      (other) => other.blame.length === 0 || !other.blame.every((check) => one.cause.despite.includes(check)),
    )
    if (inTheWay.length > 0)
      return { escalate: `${one.cause.name} holds, but ${names(inTheWay)} could not be ruled out` }
    return { treat: one }
  }
  if (excluded.length > 0) return { escalate: excluded.join('; ') }
  if (undetermined.length > 0) return { escalate: `no cause holds, and ${names(undetermined)} could not be ruled out` }
  return { otherwise: true }
}

function names(judged: Judged[]): string {
  return judged.map((one) => one.cause.name).join(', ')
}
