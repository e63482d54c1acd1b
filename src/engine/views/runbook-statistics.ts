import type { Outcome } from '../../core/incident.ts'
import type { Queryable } from '../../history/database.ts'
import { SEEN_AT } from '../../history/seen-at.ts'
import type { VisiblePlans } from '../visible.ts'
import { isoTime } from './iso-time.ts'
import type { RunbookStatistics } from './view-types.ts'

/** Of each type so many of the latest incidents are counted. */
export const COUNTED_INCIDENTS = 50
/** So many types are read with one statement. */
const MAX_TYPES = 15

interface Row {
  type: string
  outcome: Outcome | null
  openedAt: Date
  acknowledgedAt: Date | null
  closedAt: Date | null
}

/**
 * How the latest incidents of each type ended, and how long they took; a type without incidents has the count 0. The order is that of the
 * index of types and times: by number, PostgreSQL reads all incidents to find those of a rare type. `plans`: only
 * incidents of these plans are counted; null: all.
 */
export async function runbookStatistics(
  db: Queryable,
  types: string[],
  plans: VisiblePlans,
): Promise<Map<string, RunbookStatistics>> {
  const found = new Map<string, RunbookStatistics>()
  for (let from = 0; from < types.length; from += MAX_TYPES) {
    const some = types.slice(from, from + MAX_TYPES)
    const rows = await db.query<Row>(
      `SELECT t.type, i.outcome, i.opened_at AS "openedAt", ${SEEN_AT} AS "acknowledgedAt", i.closed_at AS "closedAt"
       FROM unnest($1::text[]) AS t (type) CROSS JOIN LATERAL (
         SELECT id, outcome, opened_at, acknowledged_at, closed_at FROM runbook.incidents
         WHERE type = t.type AND ($3::text[] IS NULL OR plan_digest = ANY ($3)) ORDER BY opened_at DESC LIMIT $2) i`,
      [some, COUNTED_INCIDENTS, plans],
    )
    for (const type of some) found.set(type, statisticsOf(rows.rows.filter((row) => row.type === type)))
  }
  return found
}

function statisticsOf(rows: Row[]): RunbookStatistics {
  const outcomes: Record<string, number> = {}
  for (const { outcome } of rows) outcomes[outcome ?? 'open'] = (outcomes[outcome ?? 'open'] ?? 0) + 1
  const closed = rows.filter(({ outcome }) => outcome !== null)
  const resolved = closed.filter(({ outcome }) => outcome === 'resolved')
  return {
    incidents: rows.length,
    outcomes,
    resolvedShare: closed.length === 0 ? null : resolved.length / closed.length,
    medianToAcknowledgeMs: medianOf(rows.map(({ openedAt, acknowledgedAt }) => between(openedAt, acknowledgedAt))),
    medianToResolveMs: medianOf(resolved.map(({ openedAt, closedAt }) => between(openedAt, closedAt))),
    lastAt: rows[0] ? isoTime(rows[0].openedAt) : null,
  }
}

function between(from: Date, to: Date | null): number | null {
  return to === null ? null : to.getTime() - from.getTime()
}

/** Of the values that are known; null if none is. */
function medianOf(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null && Number.isFinite(value)) as number[]
  return known.toSorted((a, b) => a - b)[Math.floor(known.length / 2)] ?? null
}
