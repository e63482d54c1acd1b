import { sha256Hex } from '../../core/canonical.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import type { Queryable } from '../../history/database.ts'

/** Compares plans with their digests. A plan's source has no digest: it is kept for people to read and is never executed. */
export async function planFaults(db: Queryable): Promise<string[]> {
  const plans = await db.query<{ digest: string; runbook: string; plan: string }>(
    'SELECT digest, runbook, plan FROM runbook.plans ORDER BY digest',
  )
  const faults = plans.rows
    .filter(({ digest, runbook, plan }) => sha256Hex(plan) !== digest || nameIn(plan) !== runbook)
    .map(({ digest }) => `plan ${digest.slice(0, 12)} was changed after it was stored`)
  const missing = await db.query<{ id: string }>(
    'SELECT id FROM runbook.incidents i WHERE NOT EXISTS (SELECT FROM runbook.plans p WHERE p.digest = i.plan_digest)',
  )
  return [...faults, ...missing.rows.map(({ id }) => `the plan of ${id} is missing`)]
}

/** Plans of irVersion 1 hold their name as `runbook`. */
function nameIn(plan: string): unknown {
  const { name, runbook } = readStoredObject(plan) ?? {}
  return name ?? runbook
}
