import { isSameJson } from '../core/canonical.ts'
import type { PlanCause, PlanRemedy } from '../core/plan.ts'
import { evaluateCause, type EvaluatedCause } from './find.ts'
import { isUnchanged, renderRemedy, type Rendered, type RenderedTarget } from './render.ts'
import type { DraftAction } from './host.ts'
import { BudgetError } from '../language/expressions/runtime-values.ts'
import type { Scope } from './scope.ts'

/** The result of a re-check. */
export interface Requalified {
  again: EvaluatedCause
  /** The targets that still qualify, with exactly the actions that were approved. */
  kept: RenderedTarget[]
  /** For each of the other targets, by its key, the reason why nothing is done to it. */
  skipped: Record<string, string>
}

/**
 * Evaluates the cause again on the evidence of a re-check, and compares what would be done now with what was approved.
 * The function uses only its arguments, so that the activity that records the re-check gets the same result as the
 * workflow.
 */
export function requalify(
  remedy: PlanRemedy,
  cause: PlanCause,
  approved: Rendered['once'],
  remaining: RenderedTarget[],
  scope: Scope,
): Requalified {
  const again = evaluateCause(cause, scope)
  const now = again.finding.holds === true ? tryRender(remedy, again, scope) : undefined
  const skipped: Record<string, string> = {}
  const kept = remaining.filter((one) => {
    const why = whyDisqualified(one, again, now)
    if (why !== undefined) skipped[one.target.key] = why
    return why === undefined
  })
  if (now && !isSameJson(now.once, approved)) {
    const why = whatChanged(approved, now.once)
    for (const one of kept) skipped[one.target.key] = why
    kept.length = 0
  }
  return { again, kept, skipped }
}

/** Says how the actions that are done once for all targets differ from the approved ones: the first one that differs, and its changed parameters. */
function whatChanged(approved: DraftAction[], now: DraftAction[]): string {
  for (const before of approved) {
    const after = now.find(({ id }) => id === before.id)
    if (!after) return `${before.id} is done once for all targets, and its condition does not hold any more`
    const names = [...new Set([...Object.keys(before.with), ...Object.keys(after.with)])]
    const changed = names.filter((name) => !isSameJson(before.with[name] ?? null, after.with[name] ?? null))
    if (changed.length > 0)
      return `${before.id} is done once for all targets, and would be different from what was approved: ${changed.join(', ')}`
  }
  return 'an action that is done once for all targets would be done now and was not approved'
}

function tryRender(remedy: PlanRemedy, evaluated: EvaluatedCause, scope: Scope): Rendered | undefined {
  try {
    return renderRemedy(remedy, evaluated, scope)
  } catch (error) {
    if (error instanceof BudgetError) throw error
    return undefined
  }
}

function whyDisqualified(one: RenderedTarget, again: EvaluatedCause, now: Rendered | undefined): string | undefined {
  if (again.finding.holds === 'undetermined')
    return `undetermined whether the cause still holds: ${again.finding.because}`
  if (again.finding.holds === false) return `the cause no longer holds: ${again.finding.because}`
  const same = now?.targets.find((other) => other.target.key === one.target.key)
  if (!same) return 'no longer affected'
  return isUnchanged(one, same) ? undefined : 'the actions of the target have changed since the approval'
}
