import type { JsonObject } from '../../src/core/json.ts'
import type { Queryable } from '../../src/history/database.ts'
import { evaluateCondition } from '../../src/interpreter/find.ts'
import { withTargets } from '../../src/interpreter/remedy-scope.ts'
import { scopeOf } from '../../src/interpreter/scope.ts'
import { proposedRemedy } from './proposed-remedy.ts'
import type { Authority } from './caller.ts'
import { withStage } from './evidence-scope.ts'
import { refuse } from './refuse.ts'

/**
 * Refuses the verdict that a remedy helped if the last stored sample of its verification says otherwise, or if the remedy was applied to
 * none of the targets in the verdict.
 */
export async function expectVerdict(
  db: Queryable,
  authority: Authority,
  round: number,
  claimed: JsonObject,
): Promise<void> {
  const { incident, plan, inputs } = authority
  const { proposal, remedy, targets } = await proposedRemedy(db, authority, round)
  if (claimed['remedy'] !== remedy.name || claimed['round'] !== round)
    refuse(incident, 'the verdict is for another remedy')
  const applied = new Set(Array.isArray(claimed['targets']) ? claimed['targets'] : [])
  const items = targets.filter(({ target }) => applied.has(target.key)).map(({ target }) => target.item)
  if (items.length !== applied.size || items.length === 0)
    refuse(incident, 'the verdict names targets that were not proposed')
  if (!(await anyApplied(db, proposal.gate))) refuse(incident, 'nothing was applied')
  if (claimed['held'] !== true) return
  const stage = { at: 'verify', round } as const
  const scope = await withStage(
    db,
    authority,
    withTargets(scopeOf(plan, inputs), remedy, items),
    stage,
    remedy.verify.checks,
  )
  const seen = evaluateCondition(remedy.verify.until, scope)
  if (!('value' in seen && seen.value === true)) refuse(incident, `the last sample does not verify ${remedy.name}`)
}

async function anyApplied(db: Queryable, gate: string): Promise<boolean> {
  const found = await db.query(`SELECT FROM runbook.effects WHERE gate = $1 AND result = 'applied' LIMIT 1`, [gate])
  return found.rowCount === 1
}
