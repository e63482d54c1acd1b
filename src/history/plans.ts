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

const MAX_VERIFIED = 100
const verified = new Map<string, Plan>()

/**
 * The stored plan with this digest. Each process compares the text with its digest once. Throws `RUNBOOK_NOT_FOUND`, and `RUNBOOK_REFUSED`
 * for a plan that was changed after it was stored.
 */
export async function readPlan(db: Queryable, digest: string): Promise<Plan> {
  const known = verified.get(digest)
  if (known) return known
  const found = await db.query<{ plan: string }>('SELECT plan FROM runbook.plans WHERE digest = $1', [digest])
  if (!found.rows[0]) throw new RunbookError('RUNBOOK_NOT_FOUND', `no plan ${digest}`)
  if (sha256Hex(found.rows[0].plan) !== digest)
    throw new RunbookError('RUNBOOK_REFUSED', `the stored plan ${digest.slice(0, 12)} was changed after it was stored`)
  const plan = JSON.parse(found.rows[0].plan) as Plan
  if (verified.size >= MAX_VERIFIED) verified.clear()
  verified.set(digest, plan)
  return plan
}

/** Records who changed the source of a plan last. A plan can have several authors: two versions of a file can compile to the same plan. */
export async function recordAuthors(db: Queryable, digest: string, authors: string[]): Promise<void> {
  if (authors.length === 0) return
  await db.query(
    'INSERT INTO runbook.plan_authors (plan, author) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING',
    [digest, authors],
  )
}

/** The known authors of a plan's source; empty if nobody is known. */
export async function readAuthors(db: Queryable, digest: string): Promise<string[]> {
  const found = await db.query<{ author: string }>(
    'SELECT author FROM runbook.plan_authors WHERE plan = $1 ORDER BY author',
    [digest],
  )
  return found.rows.map(({ author }) => author)
}

export interface StoredVersion {
  planDigest: string
  storedAt: Date
  /** How many incidents used this version. */
  incidents: number
  authors: string[]
}

const MAX_VERSIONS = 100

/** The stored versions of a runbook, newest first; at most 100. */
export async function listVersions(db: Queryable, runbook: string): Promise<StoredVersion[]> {
  const found = await db.query<StoredVersion>(
    `SELECT p.digest AS "planDigest", p.stored_at AS "storedAt",
       (SELECT count(*)::int FROM runbook.incidents i WHERE i.plan_digest = p.digest) AS incidents,
       ARRAY(SELECT author FROM runbook.plan_authors a WHERE a.plan = p.digest ORDER BY author) AS authors
     FROM runbook.plans p WHERE p.runbook = $1 ORDER BY p.stored_at DESC, p.digest LIMIT $2`,
    [runbook, MAX_VERSIONS],
  )
  return found.rows
}

/** The YAML text that a stored plan was compiled from. */
export async function readSource(db: Queryable, runbook: string, digest: string): Promise<string | undefined> {
  const found = await db.query<{ source: string }>(
    'SELECT source FROM runbook.plans WHERE digest = $1 AND runbook = $2',
    [digest, runbook],
  )
  return found.rows[0]?.source
}
