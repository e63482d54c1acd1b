import { checkPlace, formatStage, type CheckStage } from '../../src/core/place.ts'
import type { PlanCheck } from '../../src/core/plan.ts'
import type { Queryable } from '../../src/history/database.ts'
import { readEvidenceAt } from '../../src/history/record.ts'
import { scopeOf, withEvidence, type Scope } from '../../src/interpreter/scope.ts'
import type { Authority } from './caller.ts'
import { refuse } from './refuse.ts'

/**
 * The scope of one stage, made from the evidence that the engine itself stored at this stage. Refuses if the evidence of a check is
 * missing.
 */
export async function scopeAt(
  db: Queryable,
  authority: Authority,
  stage: CheckStage,
  checks: PlanCheck[],
): Promise<Scope> {
  return withStage(db, authority, scopeOf(authority.plan, authority.inputs), stage, checks)
}

/** A scope with the results of the checks at a stage. */
export async function withStage(
  db: Queryable,
  { incident }: Authority,
  scope: Scope,
  stage: CheckStage,
  checks: PlanCheck[],
): Promise<Scope> {
  if (checks.length === 0) return scope
  const at = formatStage(stage)
  const places = checks.map(({ name }) => checkPlace(at, name))
  const stored = await readEvidenceAt(db, incident, places)
  const found = places.map(
    (place, i) => stored.get(place) ?? refuse(incident, `no evidence of ${checks[i]!.name} is stored at ${at}`),
  )
  return withEvidence(scope, checks, found)
}
