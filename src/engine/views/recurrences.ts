import type { ParsedEvent } from '../../core/events.ts'
import type { Outcome } from '../../core/incident.ts'
import { parseEvent } from '../../core/parse-event.ts'
import { formatPlace } from '../../core/place.ts'
import { ALL_TARGETS } from '../../core/proposal.ts'
import type { Queryable } from '../../history/database.ts'
import type { IncidentRow } from '../../history/incidents.ts'
import type { VisiblePlans } from '../visible.ts'
import { isoTime } from './iso-time.ts'
import type { RecurrenceView } from './view-types.ts'

/** How many of the latest incidents of a type, and of the latest incidents with a key, are compared. */
const MAX_COMPARED = 50
/** How many rounds are compared. The results of later rounds are not. */
const ROUNDS = [1, 2, 3]
const MAX_SHOWN = 20

/**
 * Other incidents of the same type in which the same cause held, or a remedy was proposed for the same target; newest first. `plans`: only
 * those of these plans; null: all.
 */
export async function recurrencesOf(
  db: Queryable,
  { id, type, key }: Pick<IncidentRow, 'id' | 'type' | 'key'>,
  plans: VisiblePlans,
): Promise<RecurrenceView[]> {
  const found = await db.query<{ id: string; key: string; openedAt: Date; outcome: Outcome | null }>(
    `SELECT id, key, opened_at AS "openedAt", outcome FROM runbook.incidents WHERE number IN (
       (SELECT number FROM runbook.incidents WHERE type = $1 ORDER BY number DESC LIMIT $3)
       UNION (SELECT number FROM runbook.incidents WHERE key = $2 AND type = $1 ORDER BY number DESC LIMIT $3))
     AND id <> $4 AND ($5::text[] IS NULL OR plan_digest = ANY ($5)) ORDER BY number DESC`,
    [type, key, MAX_COMPARED, id, plans],
  )
  const facts = await readFacts(db, [id, ...found.rows.map((row) => row.id)])
  const own = facts.get(id) ?? NOTHING
  return found.rows
    .map(({ openedAt, ...row }) => {
      const { causes, targets } = facts.get(row.id) ?? NOTHING
      return {
        incident: row.id,
        openedAt: isoTime(openedAt),
        outcome: row.outcome,
        causes: [...own.causes].filter((cause) => causes.has(cause)),
        targets: [...own.targets].filter((target) => targets.has(target)),
        sameKey: row.key === key,
      }
    })
    .filter(({ causes, targets, sameKey }) => sameKey || causes.length > 0 || targets.length > 0)
    .slice(0, MAX_SHOWN)
}

/** The causes that held in an incident, and the targets of its proposals. */
interface Facts {
  causes: Set<string>
  targets: Set<string>
}

const NOTHING: Facts = { causes: new Set(), targets: new Set() }

async function readFacts(db: Queryable, incidents: string[]): Promise<Map<string, Facts>> {
  const places = ROUNDS.flatMap((round) => [
    formatPlace({ kind: 'findings', round }),
    formatPlace({ kind: 'proposal', round }),
  ])
  const found = await db.query<{ incident: string; body: string }>(
    'SELECT incident, body FROM runbook.events WHERE incident = ANY ($1) AND place = ANY ($2)',
    [incidents, places],
  )
  const facts = new Map<string, Facts>()
  for (const { incident, body } of found.rows) {
    const known = facts.get(incident) ?? { causes: new Set(), targets: new Set() }
    facts.set(incident, known)
    addFacts(known, parseEvent(body))
  }
  return facts
}

function addFacts({ causes, targets }: Facts, { kind, data }: ParsedEvent): void {
  if (kind === 'findings') for (const { cause, holds } of data.findings) if (holds === true) causes.add(cause)
  if (kind === 'proposal') for (const target of data.targets) if (target !== ALL_TARGETS) targets.add(target)
}
