import { subjectOf, type Subject } from '../core/access.ts'
import { isRunbookError } from '../core/errors.ts'
import type { Plan } from '../core/plan.ts'
import type { Queryable } from './database.ts'
import { readPlan } from './plans.ts'

const MAX_KNOWN = 20_000
/** The plan of a digest never changes, so its subject never changes either. */
const known = new Map<string, Subject>()

/**
 * The subject of a stored plan. The plan of an undo has the type and the runbook of the incident whose effects it undoes, so that the same
 * people may see it and decide. Undefined if the plan cannot be read, or was changed after it was stored: then only people with a role over
 * everything may see its incidents.
 */
export async function subjectOfPlan(db: Queryable, digest: string): Promise<Subject | undefined> {
  const found = known.get(digest)
  if (found) return found
  const plan = await readPlan(db, digest).catch(undefinedIfUnreadable)
  const subject = plan && (await subjectIn(db, plan))
  if (!subject) return undefined
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(digest, subject)
  return subject
}

/** The subject of an incident. Undefined if there is no such incident, or if its plan cannot be read. */
export async function subjectOfIncident(db: Queryable, incident: string): Promise<Subject | undefined> {
  const found = await db.query<{ planDigest: string }>(
    'SELECT plan_digest AS "planDigest" FROM runbook.incidents WHERE id = $1',
    [incident],
  )
  return found.rows[0] && subjectOfPlan(db, found.rows[0].planDigest)
}

async function subjectIn(db: Queryable, plan: Plan): Promise<Subject | undefined> {
  const own = subjectOf(plan)
  const undone = undoneBy(plan)
  if (undone === undefined) return own
  const original = await subjectOfIncident(db, undone)
  if (!original) return undefined
  const connections = own.connections && original.connections && [...original.connections, ...own.connections]
  return { ...original, connections: connections && [...new Set(connections)] }
}

/** The incident whose effects a plan undoes. Only the engine makes plans with `items`; a compiled runbook has none. */
function undoneBy({ causes, key }: Plan): string | undefined {
  if (causes.every(({ items }) => items === undefined) || !('lit' in key)) return undefined
  return /^undo\/(INC-[1-9]\d*)$/.exec(String(key.lit))?.[1]
}

function undefinedIfUnreadable(error: unknown): undefined {
  if (isRunbookError(error, 'RUNBOOK_NOT_FOUND') || isRunbookError(error, 'RUNBOOK_REFUSED')) return undefined
  throw error
}
