import { parseEvent } from '../../core/parse-event.ts'
import { placesInRounds } from '../../core/place.ts'
import { ALL_TARGETS } from '../../core/proposal.ts'
import type { GateRow } from '../../gate/gates.ts'
import type { Queryable } from '../../history/database.ts'
import type { VisiblePlans } from '../visible.ts'
import { isoTime } from './iso-time.ts'

/** The results of a remedy in its last uses, at most 20. */
export interface TrackRecord {
  uses: number
  /** The number of uses whose verification had a result, and the number of these that were healthy afterwards. */
  verified: number
  healthy: number
  /** The median time of the healthy uses from the first permit to the verification; null if there are none. */
  medianMs: number | null
  lastUsedAt: string | null
  /** The latest incident in which the remedy did not help; null if there is none, or if the reader may not see it. */
  lastFailure: string | null
  /** The proposed targets to which the remedy was never applied. Empty for a remedy without targets. */
  newTargets: string[]
}

const MAX_USES = 20
/** The maximum number of permits of one use: one for each target, at most `maxTargets`. */
const MAX_PERMITS = 500

/**
 * The counts include all uses of the remedy, because an approver must not see a better record than there is. `plans`: an incident is named
 * only if it has one of these plans; null: always.
 */
export async function trackRecord(
  db: Queryable,
  runbook: string,
  gate: GateRow,
  plans: VisiblePlans,
): Promise<TrackRecord> {
  const remedy = `${runbook}/${gate.remedy}`
  const uses = await readUses(db, remedy)
  const verified = uses.filter((use) => use.held !== undefined)
  const healthy = verified.filter((use) => use.held)
  return {
    uses: uses.length,
    verified: verified.length,
    healthy: healthy.length,
    medianMs: median(healthy.map(({ tookMs }) => tookMs)),
    lastUsedAt: uses[0] ? isoTime(uses[0].at) : null,
    lastFailure: verified.find((use) => use.held === false && mayName(use, plans))?.incident ?? null,
    newTargets: await readNewTargets(db, remedy, gate),
  }
}

function mayName({ planDigest }: Use, plans: VisiblePlans): boolean {
  return plans === null || plans.includes(planDigest)
}

interface Use {
  incident: string
  planDigest: string
  at: Date
  /** Whether the condition of the verification held; undefined if there was no verification. */
  held: boolean | undefined
  tookMs: number
}

/** The last uses, the latest first. */
async function readUses(db: Queryable, remedy: string): Promise<Use[]> {
  const found = await db.query<{
    incident: string
    planDigest: string
    at: Date
    body: string | null
    verifiedAt: string | null
  }>(
    `WITH latest AS (SELECT gate, issued_at FROM runbook.permits WHERE remedy = $1 ORDER BY issued_at DESC LIMIT $2),
       used AS (SELECT gate, min(issued_at) AS at FROM latest GROUP BY gate ORDER BY at DESC LIMIT $3)
     SELECT g.incident, i.plan_digest AS "planDigest", u.at, e.body, e.at AS "verifiedAt"
     FROM used u JOIN runbook.gates g ON g.id = u.gate JOIN runbook.incidents i ON i.id = g.incident
     LEFT JOIN runbook.events e ON e.incident = g.incident AND e.place = ($4::text[])[g.round]
     ORDER BY u.at DESC`,
    [remedy, MAX_PERMITS, MAX_USES, placesInRounds('verified')],
  )
  return found.rows.map(({ incident, planDigest, at, body, verifiedAt }) => ({
    incident,
    planDigest,
    at,
    held: body === null ? undefined : heldIn(body),
    tookMs: verifiedAt === null ? 0 : Date.parse(verifiedAt) - at.getTime(),
  }))
}

/** Whether the condition of the verification held. Undefined if the remedy has no verification, or if somebody changed the event. */
function heldIn(body: string): boolean | undefined {
  const event = parseEvent(body)
  return event.kind === 'verified' && !event.data.unseen ? event.data.held : undefined
}

async function readNewTargets(db: Queryable, remedy: string, { proposal }: GateRow): Promise<string[]> {
  const targets = proposal.targets.map(({ key }) => key).filter((key) => key !== ALL_TARGETS)
  const found = await db.query<{ target: string }>(
    `SELECT target FROM unnest($2::text[]) AS t (target)
     WHERE NOT EXISTS (SELECT FROM runbook.permits p WHERE p.remedy = $1 AND p.target = t.target)`,
    [remedy, targets],
  )
  return found.rows.map(({ target }) => target)
}

function median(values: number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)]!
}
