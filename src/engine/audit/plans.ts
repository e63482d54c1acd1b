import { sha256Hex } from '../../core/canonical.ts'
import { readStoredProposal } from '../../core/parse-proposal.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import { isTerms } from '../../gate/policy-terms.ts'
import type { Queryable } from '../../history/database.ts'
import { readAuthors } from '../../history/plans.ts'
import type { Recorded } from './recorded.ts'

/**
 * Compares plans with their digests. The source of a plan has no digest: it is stored only so that people can read it, and is never
 * executed.
 */
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

/** Plans of irVersion 1 store their name as `runbook`. */
function nameIn(plan: string): unknown {
  const { name, runbook } = readStoredObject(plan) ?? {}
  return name ?? runbook
}

/**
 * Compares the authors of plans with the proposals whose policy excludes authors. Authors are only ever added, so everybody whom a proposal
 * names as an author must still be stored as one. Without the stored author, a later gate of the same plan would let this person approve.
 */
export async function authorFaults(db: Queryable, { incident, fault }: Recorded): Promise<void> {
  const gates = await db.query<{ id: string; proposal: string }>(
    'SELECT id, proposal FROM runbook.gates WHERE incident = $1 ORDER BY round',
    [incident],
  )
  for (const { id, proposal } of gates.rows) {
    const { planDigest, approval } = readStoredProposal(proposal) ?? {}
    const terms = approval?.policy
    if (planDigest === undefined || !terms || !isTerms(terms) || !terms.authors) continue
    const known = await readAuthors(db, planDigest)
    const missing = terms.authors.filter((author) => !known.includes(author))
    if (missing.length > 0)
      fault(
        `authors of plan ${planDigest.slice(0, 12)} were removed, although gate ${id} names them: ${missing.join(', ')}`,
      )
  }
}
