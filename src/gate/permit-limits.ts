import { ALL_TARGETS } from '../core/proposal.ts'
import { ADVISORY_LOCKS, lockName, lockShared } from '../history/advisory-locks.ts'
import type { Connection } from '../history/database.ts'
import { connectionsOf } from './breaker.ts'
import { breakerOf, FREEZE } from './controls.ts'
import type { GateRow, LockedIncident } from './gates.ts'
import { limitObstacles } from './obstacles.ts'
import { refuse, type PermitAnswer, type PermitRefused } from './permit-request.ts'

export async function refusedByControl(connection: Connection, gate: GateRow): Promise<PermitRefused | undefined> {
  // Takes the lock as a shared lock. `freeze` waits until all permits that may have missed its row have released the lock, so no permit is
  // granted after `freeze` has returned.
  await lockShared(connection, ADVISORY_LOCKS.controls)
  const found = await connection.query<{ name: string; person: string; reason: string }>(
    'SELECT name, person, reason FROM runbook.controls WHERE name = ANY ($1) ORDER BY name DESC',
    [[FREEZE, ...connectionsOf(gate.proposal).map(breakerOf)]],
  )
  const row = found.rows[0]
  if (!row) return undefined
  return refuse(row.name === FREEZE ? 'frozen' : 'breaker', `${row.name} is on (${row.person}: ${row.reason})`)
}

/** Refuses a target within its cooldown, and more targets per hour than the remedy may have. */
export async function refusedByLimit(
  connection: Connection,
  gate: GateRow,
  remedy: string,
  target: string,
  lease: string,
): Promise<PermitAnswer | undefined> {
  const { perHour, cooldownMs } = gate.proposal.limits
  if (perHour === undefined && cooldownMs === undefined) return undefined
  // Without the lock, two permits of one remedy at the same time would not count each other.
  await lockName(connection, 'remedyLimits', remedy)
  const [first] = await limitObstacles(connection, gate, remedy, new Map([[target, lease]]))
  if (!first) return undefined
  return refuse(first.reason, `${first.message}; it may be applied again at ${first.endsAt.toISOString()}`)
}

/**
 * The name of the lease: the target's `lock`, by which remedies that treat the same thing exclude each other, or a name of its own. An
 * action that is done once for all targets uses a name with the incident's key, because incidents about different things all have the
 * target `-`.
 */
export function leaseOf({ key }: Pick<LockedIncident, 'key'>, gate: GateRow, remedy: string, target: string): string {
  const { lock } = gate.proposal.targets.find((one) => one.key === target) ?? {}
  return lock ?? `${remedy}/${target === ALL_TARGETS ? `${ALL_TARGETS}/${key}` : target}`
}

/**
 * How soon a waiter asks for the lease again. The first waiter asks often, so that the lease is not idle for long. The others ask less
 * often, but often enough not to lose their place.
 */
const ASK_FIRST_MS = 250
const ASK_LAST_MS = 5_000

/** The refusal while others hold the lease, or asked for it earlier. */
export function leaseBusy(lease: string, ahead: number): PermitAnswer {
  const what = `another remedy holds the lease ${lease}`
  const message = ahead > 0 ? `${what}, and ${ahead} that asked earlier are waiting for it` : what
  return { ...refuse('busy', message), retryAfterMs: Math.min(ASK_LAST_MS, ASK_FIRST_MS * (ahead + 1)) }
}
