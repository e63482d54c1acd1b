import { isSameJson } from '../../src/core/canonical.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Queryable } from '../../src/history/database.ts'
import { preconditionChecks } from '../../src/interpreter/render.ts'
import { requalify } from '../../src/interpreter/requalify.ts'
import { proposedRemedy } from './proposed-remedy.ts'
import type { Authority } from './caller.ts'
import { scopeAt } from './evidence-scope.ts'
import { refuse } from './refuse.ts'

/**
 * Refuses a re-check whose result does not follow from the evidence stored at its place. A permit depends on the recorded result, so the
 * result is computed again before it is recorded.
 */
export async function expectRecheck(
  db: Queryable,
  authority: Authority,
  at: { round: number; number: number },
  claimed: JsonObject,
): Promise<void> {
  const { plan, incident } = authority
  const { remedy, cause, targets, once } = await proposedRemedy(db, authority, at.round)
  const scope = await scopeAt(db, authority, { at: 'recheck', ...at }, preconditionChecks(plan, cause, remedy))
  const named = new Set([...textsOf(claimed['targets']), ...Object.keys((claimed['skipped'] ?? {}) as object)])
  const left = targets.filter(({ target }) => named.has(target.key))
  if (left.length < named.size) refuse(incident, 'the re-check names targets that were not proposed')
  const { again, kept, skipped } = requalify(remedy, cause, once, left, scope)
  const result = {
    round: at.round,
    holds: again.finding.holds,
    because: again.finding.because,
    targets: kept.map(({ target }) => target.key),
    skipped,
  }
  if (!isSameJson(result, claimed))
    refuse(incident, `re-check ${at.number} of round ${at.round} has another result than the stored evidence`)
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
