import { LONG_CHECK_MS } from '../core/evidence.ts'
import { parseEvent } from '../core/parse-event.ts'
import { checkPlace, parsePlace, recheckPrefix } from '../core/place.ts'
import { ALL_TARGETS } from '../core/proposal.ts'
import type { Connection, Queryable } from '../history/database.ts'
import type { GateRow } from './gates.ts'
import { refuse, type PermitAnswer, type PermitRequest } from './permit-request.ts'

/** The maximum age of the evidence of a re-check. If it is older, the permit is refused and the interpreter runs the checks again. */
const MAX_RECHECK_AGE_MS = 60_000

/**
 * Whether the target's permit already led to an effect. Then no recent re-check is required: the next actions finish what was
 * started, and the effect itself may have changed the preconditions.
 */
export async function isBegun(connection: Connection, { gate, target }: PermitRequest): Promise<boolean> {
  const found = await connection.query(
    `SELECT FROM runbook.permits p JOIN runbook.effects e USING (gate, target)
     WHERE p.gate = $1 AND p.target = $2 AND e.at > p.issued_at LIMIT 1`,
    [gate, target],
  )
  return found.rowCount === 1
}

/**
 * The last re-check in the history must be the re-check that the request names, it must have kept this target, and each of its observations
 * must be recent. The time of the record does not count, because it does not tell when the checks ran.
 */
export async function staleRecheck(
  connection: Connection,
  gate: GateRow,
  now: Date,
  { target, recheckedAt }: PermitRequest,
): Promise<PermitAnswer | undefined> {
  const last = await lastRecheck(connection, gate)
  if (!last || last.at !== recheckedAt) return refuse('stale', 'another re-check was recorded since')
  const oldest = await oldestObservation(connection, gate.incident, last.place)
  if (!(now.getTime() - Math.min(Date.parse(last.at), oldest) <= MAX_RECHECK_AGE_MS))
    return refuse('stale', 'the evidence of the last re-check is too old')
  const kept = target === ALL_TARGETS ? last.targets.length > 0 : last.targets.includes(target)
  return kept ? undefined : refuse('stale', `${target} did not qualify at the last re-check`)
}

/** The last re-check of a round, with the targets that it kept; undefined if none is recorded. */
export async function lastRecheck(
  db: Queryable,
  { incident, round }: Pick<GateRow, 'incident' | 'round'>,
): Promise<{ place: string; at: string; targets: string[] } | undefined> {
  const found = await db.query<{ place: string; at: string; body: string }>(
    'SELECT place, at, body FROM runbook.events WHERE incident = $1 AND starts_with(place, $2) ORDER BY seq DESC',
    [incident, recheckPrefix(round)],
  )
  // The rows include the evidence of the re-checks, because the places of the evidence begin with the same prefix.
  const last = found.rows.find(({ place }) => parsePlace(place)?.kind === 'recheck')
  if (!last) return undefined
  const event = parseEvent(last.body)
  return { place: last.place, at: last.at, targets: event.kind === 'recheck' ? event.data.targets : [] }
}

/** The start of the earliest check, in milliseconds; `Infinity` if the cause needs no checks. */
async function oldestObservation(connection: Connection, incident: string, recheck: string): Promise<number> {
  const found = await connection.query<{ oldest: Date | null }>(
    `SELECT min(started_at + CASE WHEN duration_ms > $3 THEN duration_ms ELSE 0 END * interval '1 millisecond') AS oldest
     FROM runbook.evidence WHERE incident = $1 AND starts_with(place, $2)`,
    [incident, checkPlace(recheck, ''), LONG_CHECK_MS],
  )
  return found.rows[0]?.oldest?.getTime() ?? Infinity
}
