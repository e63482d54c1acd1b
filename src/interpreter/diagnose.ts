import { messageOf } from '../core/errors.ts'
import { LONG_CHECK_MS } from '../core/evidence.ts'
import type { JsonObject } from '../core/json.ts'
import { checkPlace } from '../core/place.ts'
import type { PlanCheck } from '../core/plan.ts'
import { renderValue } from '../language/expressions/evaluate.ts'
import { BudgetError } from '../language/expressions/runtime-values.ts'
import type { CheckRequest, Host } from './host.ts'
import { closure, withEvidence, type Scope } from './scope.ts'

/**
 * Runs checks in waves: each wave holds all checks whose needed checks have run. A check that needs a failed check, or whose parameters
 * cannot be rendered, is recorded as failed. `stage` is the common part of the places of their evidence. Returns the scope with every result.
 */
export async function diagnose(
  host: Pick<Host, 'runChecks'>,
  checks: PlanCheck[],
  scope: Scope,
  stage: string,
): Promise<Scope> {
  let result = scope
  let left = checks
  while (left.length > 0) {
    const pending = new Set(left.map((check) => check.name))
    const wave = left.filter((check) => !check.needs.some((need) => pending.has(need)))
    if (wave.length === 0) throw new Error(`checks need each other: ${[...pending].join(', ')}`)
    const found = await host.runChecks(wave.map((check) => checkRequest(check, result, stage)))
    result = withEvidence(result, wave, found)
    left = left.filter((check) => !wave.includes(check))
  }
  return result
}

/**
 * Like `diagnose`, but checks that may take long run first, together with the checks that they need, and the other checks run after them.
 * So all observations are recent, which a permit demands.
 */
export async function diagnoseLongFirst(
  host: Pick<Host, 'runChecks'>,
  checks: PlanCheck[],
  scope: Scope,
  stage: string,
): Promise<Scope> {
  const long = closure(
    checks,
    checks.filter(({ timeoutMs }) => timeoutMs > LONG_CHECK_MS).map(({ name }) => name),
  )
  const known = await diagnose(host, long, scope, stage)
  return diagnose(
    host,
    checks.filter((check) => !long.includes(check)),
    known,
    stage,
  )
}

/** The request for one check. The activity that runs the check computes it again and compares. */
export function checkRequest(check: PlanCheck, scope: Scope, stage: string): CheckRequest {
  const { name, kind, timeoutMs, retries } = check
  const request: CheckRequest = { place: checkPlace(stage, name), name, kind, parameters: {}, timeoutMs, retries }
  const failed = check.needs.filter((need) => scope.states[need] === 'failed')
  if (failed.length > 0) return { ...request, unavailable: `needs ${failed.join(', ')}, which failed` }
  try {
    return { ...request, parameters: renderParameters(check.with, scope) }
  } catch (error) {
    if (error instanceof BudgetError) throw error
    return { ...request, unavailable: `cannot compute the parameters of the check: ${messageOf(error)}` }
  }
}

export function renderParameters(parameters: PlanCheck['with'], scope: Scope): JsonObject {
  const rendered: JsonObject = {}
  for (const [name, value] of Object.entries(parameters)) rendered[name] = renderValue(value, scope.values, scope.types)
  return rendered
}
