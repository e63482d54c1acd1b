import { canonical, sha256Hex } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { Plan } from '../core/plan.ts'
import type { Queryable } from './database.ts'

/** Stores a compiled plan with its source under its digest; storing it again changes nothing. Returns the digest. */
export async function storePlan(db: Queryable, plan: Plan, source: string): Promise<string> {
  const text = canonical(plan as unknown as Json)
  const digest = sha256Hex(text)
  await db.query(
    'INSERT INTO runbook.plans (digest, runbook, plan, source) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [digest, plan.name, text, source],
  )
  return digest
}

/** Reads a stored plan. Throws `RUNBOOK_NOT_FOUND`. */
export async function readPlan(db: Queryable, digest: string): Promise<Plan> {
  const found = await db.query<{ plan: string }>('SELECT plan FROM runbook.plans WHERE digest = $1', [digest])
  if (!found.rows[0]) throw new RunbookError('RUNBOOK_NOT_FOUND', `no plan ${digest}`)
  return JSON.parse(found.rows[0].plan) as Plan
}
