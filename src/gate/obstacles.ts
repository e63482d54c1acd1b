import { humanDuration } from '../core/duration.ts'
import { ALL_TARGETS } from '../core/proposal.ts'
import type { Queryable } from '../history/database.ts'
import type { GateRow } from './gates.ts'

/** Something that keeps a remedy from some of its targets for a while, and until when. */
export interface Obstacle {
  reason: 'cooldown' | 'limit' | 'busy'
  targets: string[]
  /** The reason as a sentence. */
  message: string
  endsAt: Date
}

/** The lease that each target needs, by the key of the target. */
export type LeasesByTarget = ReadonlyMap<string, string>

/** The SQL condition for permits `p` that count towards the limits. A permit does not count if all its effects were refused or skipped. */
const COUNTS = `NOT coalesce((SELECT bool_and(e.result IN ('refused', 'skipped')) FROM runbook.effects e
  WHERE e.gate = p.gate AND e.target = p.target), false)`

/**
 * The cooldown and the hourly limit that keep `remedy` (`<runbook>/<remedy>`) from these targets now. Targets for which
 * everything was refused or skipped do not count.
 */
export async function limitObstacles(
  db: Queryable,
  gate: GateRow,
  remedy: string,
  leases: LeasesByTarget,
): Promise<Obstacle[]> {
  const { perHour, cooldownMs } = gate.proposal.limits
  return [
    ...(cooldownMs === undefined ? [] : await cooldownObstacles(db, gate, remedy, leases, cooldownMs)),
    ...(perHour === undefined ? [] : await limitObstacle(db, gate, remedy, leases, perHour)),
  ]
}

async function cooldownObstacles(
  db: Queryable,
  gate: GateRow,
  remedy: string,
  leases: LeasesByTarget,
  cooldownMs: number,
): Promise<Obstacle[]> {
  // The time is passed as a parameter, because PostgreSQL cannot search an index by clock_timestamp(), which changes
  // while the statement runs.
  const found = await db.query<{ target: string; endsAt: Date }>(
    `SELECT p.target, max(p.issued_at) + $4 * interval '1 millisecond' AS "endsAt"
     FROM runbook.permits p
     WHERE p.remedy = $1 AND p.target = ANY ($2) AND p.issued_at > statement_timestamp() - $4 * interval '1 millisecond'
       AND p.gate <> $3 AND (p.target <> $5 OR p.lease = $6)
       AND ${COUNTS}
     GROUP BY p.target ORDER BY 2 DESC, 1`,
    [remedy, [...leases.keys()], gate.id, cooldownMs, ALL_TARGETS, leases.get(ALL_TARGETS) ?? null],
  )
  return found.rows.map(({ target, endsAt }) => ({
    reason: 'cooldown',
    targets: [target],
    message: `${gate.remedy} was applied${target === ALL_TARGETS ? '' : ` to ${target}`} less than its cooldown of ${humanDuration(cooldownMs)} ago`,
    endsAt,
  }))
}

async function limitObstacle(
  db: Queryable,
  gate: GateRow,
  remedy: string,
  leases: LeasesByTarget,
  perHour: number,
): Promise<Obstacle[]> {
  const wanted = leases.size
  // `frees` is the time at which the limit allows one more target than it does now.
  const found = await db.query<{ used: number; frees: Date }>(
    `SELECT count(*)::int AS used,
       coalesce((array_agg(p.issued_at ORDER BY p.issued_at DESC))[least($2, count(*))], statement_timestamp()) + interval '1 hour' AS frees
     FROM runbook.permits p
     WHERE p.remedy = $1 AND p.issued_at > statement_timestamp() - interval '1 hour'
       AND ${COUNTS}`,
    [remedy, perHour],
  )
  const { used, frees } = found.rows[0]!
  if (used + wanted <= perHour) return []
  const left = Math.max(0, perHour - used)
  const message =
    left === 0
      ? `${gate.remedy} has reached its limit of ${perHour} targets per hour`
      : `${gate.remedy} has a limit of ${perHour} targets per hour, which leaves ${left} of these ${wanted}`
  return [{ reason: 'limit', targets: [...leases.keys()], message, endsAt: frees }]
}

/** Leases that other remedies hold now. A permit waits for them. */
export async function leaseObstacles(db: Queryable, gate: GateRow, leases: LeasesByTarget): Promise<Obstacle[]> {
  const found = await db.query<{ name: string; holder: string; endsAt: Date }>(
    `SELECT name, holder, until AS "endsAt" FROM runbook.leases
     WHERE name = ANY ($1) AND holder <> $2 AND until > clock_timestamp() ORDER BY until DESC, name`,
    [[...new Set(leases.values())], gate.id],
  )
  return found.rows.map(({ name, holder, endsAt }) => ({
    reason: 'busy',
    targets: [...leases].filter(([, lease]) => lease === name).map(([target]) => target),
    message: `the remedy of ${holder} is being applied to the same target, so this remedy waits until it has ended`,
    endsAt,
  }))
}
