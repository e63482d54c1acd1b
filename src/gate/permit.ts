import { isSameJson } from '../core/canonical.ts'
import { LONG_CHECK_MS } from '../core/evidence.ts'
import { parseEvent } from '../core/parse-event.ts'
import { checkPlace, formatPlace, parsePlace, recheckPrefix } from '../core/place.ts'
import { ALL_TARGETS, type ProposedAction } from '../core/proposal.ts'
import { ADVISORY_LOCKS, lockName, lockShared } from '../history/advisory-locks.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { readPlan } from '../history/plans.ts'
import { recordEvents, setState } from '../history/record.ts'
import { deciderOf, type Deciders } from './deciders.ts'
import type { DecisionClaims } from './decision-schema.ts'
import { ineligible } from './eligible.ts'
import { connectionsOf } from './breaker.ts'
import { breakerOf, FREEZE } from './controls.ts'
import {
  approvedTargets,
  hasPermit,
  lapsesAt,
  lockGate,
  readDecisions,
  type GateRow,
  type LockedIncident,
  type Vote,
} from './gates.ts'
import type { Keyring } from './keyring.ts'
import { departsFromPlan } from './plan-terms.ts'

/** Evidence of a re-check that is older than this is stale: the interpreter runs the checks again. */
const MAX_RECHECK_AGE_MS = 60_000

export interface PermitRequest {
  gate: string
  /** A target's key; `-` for an action that is done once. */
  target: string
  /** What the executor holds and is about to run: compared with the proposal that the signatures cover. */
  proposalDigest: string
  action: ProposedAction
  /** When the cause's checks last ran, as recorded (ISO 8601, microseconds). */
  recheckedAt: string
  leaseMs: number
}

export type PermitRefusal =
  'stale' | 'cancelled' | 'frozen' | 'breaker' | 'limit' | 'cooldown' | 'busy' | 'not-approved' | 'withdrawn' | 'lapsed'

export type PermitAnswer =
  { granted: true; fence: number; lease: string } | { granted: false; reason: PermitRefusal; message: string }

export type TakePermit = (request: PermitRequest) => Promise<PermitAnswer>

/** The rules for a permit: keys and people of the configuration as they are now, not as they were at the decision. */
export interface PermitRules extends Deciders {
  keyring: Keyring
  /** Whether the configuration allows this action to be applied without an approval. */
  isAutoApproved(action: ProposedAction): boolean
  requesterMayApprove: boolean
}

/**
 * The engine's permission to apply one proposal to one target: the point of no return, taken in one transaction. Decisions are
 * verified by their signatures, not by their rows, and count while their person may still decide. The permit reserves the limits.
 * After a crash, a target that has a permit gets it again with a new fence: limits are not charged twice; signatures, freeze and
 * breaker are checked again.
 */
export async function takePermit(
  database: Database,
  rules: PermitRules,
  request: PermitRequest,
): Promise<PermitAnswer> {
  // Verified before the locks are taken: only a withdrawal changes a decision's row, and `approves` reads it again under the lock.
  const verified = await verifiedDecisions(database, rules.keyring, request.gate)
  return transaction(database, async (connection) => {
    const { incident, gate, now } = await lockGate(connection, request.gate)
    const earlier = await earlierPermit(connection, request)
    if (incident.closed) return refuse('cancelled', 'the incident is closed')
    const late =
      (earlier ? undefined : await tooLate(connection, incident, gate, now)) ??
      (earlier && (await isBegun(connection, request)) ? undefined : await staleRecheck(connection, gate, now, request))
    if (late) return late
    const other = gate.intact
      ? mismatchWithProposal(gate, request)
      : 'the stored proposal was changed after it was digested'
    if (other !== undefined) return refuse('not-approved', other)
    const departs = await mismatchWithPlan(connection, rules, incident, gate)
    if (departs !== undefined)
      return refuse('not-approved', `the proposal does not match the incident's plan: ${departs}`)
    if (!(await isApproved(connection, rules, incident, gate, now, verified, request.target)))
      return refuse('not-approved', `no quorum of signed approvals covers target ${request.target} of this proposal`)
    const control = await refusedByControl(connection, gate)
    if (control) return control
    const remedy = `${incident.runbook}/${gate.remedy}`
    const lease = leaseOf(incident, gate, remedy, request.target)
    if (!earlier) {
      const limit = await refusedByLimit(connection, gate, remedy, request.target, lease)
      if (limit) return limit
    }
    const fence = await takeLease(connection, lease, request.gate, request.leaseMs)
    if (fence === undefined) return refuse('busy', `another remedy holds the lease ${lease}`)
    await storePermit(connection, gate, remedy, request, lease, fence)
    if (!earlier)
      await recordEvents(connection, gate.incident, [
        {
          place: formatPlace({ kind: 'permit', round: gate.round, target: request.target }),
          actor: 'engine',
          kind: 'permit',
          data: { gate: gate.id, target: request.target, lease, fence },
        },
      ])
    return { granted: true, fence, lease }
  })
}

function refuse(reason: PermitRefusal, message: string): PermitAnswer {
  return { granted: false, reason, message }
}

/** Why the requested action is not an approved one; undefined if it is. */
function mismatchWithProposal(gate: GateRow, { proposalDigest, action, target }: PermitRequest): string | undefined {
  if (gate.proposalDigest !== proposalDigest) return 'the proposal to be applied is not the one at the gate'
  const isProposed = action.target === target && gate.proposal.actions.some((one) => isSameJson(one, action))
  return isProposed ? undefined : `${action.id} on ${target} is not an action of the approved proposal`
}

async function mismatchWithPlan(
  connection: Connection,
  { requesterMayApprove }: PermitRules,
  { planDigest }: LockedIncident,
  { proposal }: GateRow,
): Promise<string | undefined> {
  if (proposal.planDigest !== planDigest) return 'it names another plan'
  return departsFromPlan(await readPlan(connection, planDigest), proposal, !requesterMayApprove)
}

/** Why a target gets no first permit any more; a permit that is taken again is not refused for these reasons. */
async function tooLate(
  connection: Connection,
  incident: LockedIncident,
  gate: GateRow,
  now: Date,
): Promise<PermitAnswer | undefined> {
  if (incident.cancelled)
    return refuse('cancelled', 'the incident was cancelled before the first action on this target')
  if (gate.state === 'withdrawn') return refuse('withdrawn', gate.why ?? 'the approval was withdrawn')
  if (gate.state !== 'approved') return refuse('not-approved', `the gate is ${gate.state}`)
  if (lapsesAt(gate) <= now && !(await hasPermit(connection, gate.id)))
    return refuse('lapsed', 'the approval is no longer valid')
  return undefined
}

/**
 * Whether the target's permit already led to an effect. Then no recent re-check is required: the next actions finish what was
 * started, and the effect itself may have changed the preconditions.
 */
async function isBegun(connection: Connection, { gate, target }: PermitRequest): Promise<boolean> {
  const found = await connection.query(
    `SELECT FROM runbook.permits p JOIN runbook.effects e USING (gate, target)
     WHERE p.gate = $1 AND p.target = $2 AND e.at > p.issued_at LIMIT 1`,
    [gate, target],
  )
  return found.rowCount === 1
}

/**
 * The last re-check in the history must be the one that the request names and have kept this target, and each of its observations must
 * be recent: the time of its record does not tell when the checks ran.
 */
async function staleRecheck(
  connection: Connection,
  gate: GateRow,
  now: Date,
  { target, recheckedAt }: PermitRequest,
): Promise<PermitAnswer | undefined> {
  const found = await connection.query<{ place: string; at: string; body: string }>(
    'SELECT place, at, body FROM runbook.events WHERE incident = $1 AND starts_with(place, $2) ORDER BY seq DESC',
    [gate.incident, recheckPrefix(gate.round)],
  )
  // The evidence of a re-check has the same prefix.
  const last = found.rows.find(({ place }) => parsePlace(place)?.kind === 'recheck')
  if (!last || last.at !== recheckedAt) return refuse('stale', 'another re-check was recorded since')
  const oldest = await oldestObservation(connection, gate.incident, last.place)
  if (!(now.getTime() - Math.min(Date.parse(last.at), oldest) <= MAX_RECHECK_AGE_MS))
    return refuse('stale', 'the evidence of the last re-check is too old')
  const event = parseEvent(last.body)
  const targets = event.kind === 'recheck' ? event.data.targets : []
  const kept = target === ALL_TARGETS ? targets.length > 0 : targets.includes(target)
  return kept ? undefined : refuse('stale', `${target} did not qualify at the last re-check`)
}

/** The start of the earliest check, in milliseconds; `Infinity` where the cause needs no checks. */
async function oldestObservation(connection: Connection, incident: string, recheck: string): Promise<number> {
  const found = await connection.query<{ oldest: Date | null }>(
    `SELECT min(started_at + CASE WHEN duration_ms > $3 THEN duration_ms ELSE 0 END * interval '1 millisecond') AS oldest
     FROM runbook.evidence WHERE incident = $1 AND starts_with(place, $2)`,
    [incident, checkPlace(recheck, ''), LONG_CHECK_MS],
  )
  return found.rows[0]?.oldest?.getTime() ?? Infinity
}

interface Verified {
  jti: string
  claims: DecisionClaims
}

async function verifiedDecisions(database: Database, keyring: Keyring, gate: string): Promise<Verified[]> {
  const rows = await readDecisions(database, gate)
  const verified = await Promise.all(rows.map((row) => keyring.verify(row.token).catch(() => undefined)))
  return verified.flatMap((claims, i) => (claims && claims.jti === rows[i]!.jti ? [{ jti: claims.jti, claims }] : []))
}

async function isApproved(
  connection: Connection,
  rules: PermitRules,
  incident: LockedIncident,
  gate: GateRow,
  now: Date,
  verified: Verified[],
  target: string,
): Promise<boolean> {
  const { proposal } = gate
  const keys = proposal.targets.map((one) => one.key)
  const proposed = target === ALL_TARGETS ? keys : keys.filter((key) => key === target)
  if (proposal.approval.auto) return proposed.length > 0 && proposal.actions.every((one) => rules.isAutoApproved(one))
  const live = new Set(
    (await readDecisions(connection, gate.id)).filter((one) => one.withdrawnAt === null).map((one) => one.jti),
  )
  const mayDecide = (claims: DecisionClaims) => {
    const person = deciderOf(rules, claims)
    return person !== undefined && ineligible(incident, gate, now, claims, person, rules) === undefined
  }
  const signed: Vote[] = verified
    .filter(
      ({ jti, claims }) =>
        live.has(jti) && claims.gate === gate.id && claims.proposalDigest === gate.proposalDigest && mayDecide(claims),
    )
    .map(({ claims: { person, decision, targets = null, breakGlass = null } }) => ({
      person,
      decision,
      targets,
      breakGlass,
    }))
  const covered = approvedTargets(proposal, signed)
  // An action that is done once concerns all targets. (In a remedy without `for`, the only target has the key `-`.)
  return proposed.length > 0 && proposed.every((key) => covered.includes(key))
}

async function earlierPermit(connection: Connection, request: PermitRequest): Promise<boolean> {
  const found = await connection.query('SELECT 1 FROM runbook.permits WHERE gate = $1 AND target = $2', [
    request.gate,
    request.target,
  ])
  return found.rowCount === 1
}

async function refusedByControl(connection: Connection, gate: GateRow): Promise<PermitAnswer | undefined> {
  // A change of a control waits for the permits that did not see it: no permit is granted after `freeze` has returned.
  await lockShared(connection, ADVISORY_LOCKS.controls)
  const found = await connection.query<{ name: string; person: string; reason: string }>(
    'SELECT name, person, reason FROM runbook.controls WHERE name = ANY ($1) ORDER BY name DESC',
    [[FREEZE, ...connectionsOf(gate.proposal).map(breakerOf)]],
  )
  const row = found.rows[0]
  if (!row) return undefined
  return refuse(row.name === FREEZE ? 'frozen' : 'breaker', `${row.name} is on (${row.person}: ${row.reason})`)
}

/** Checks how many targets this remedy (`<runbook>/<remedy>`) had in the last hour, and when it was last applied to this target. */
async function refusedByLimit(
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
  const found = await connection.query<{ hour: number; cooling: boolean }>(
    `SELECT count(*) FILTER (WHERE issued_at > clock_timestamp() - interval '1 hour')::int AS hour,
       coalesce(bool_or(target = $2 AND (target <> $5 OR lease = $6) AND gate <> $4 AND issued_at > clock_timestamp() - $3 * interval '1 millisecond'), false) AS cooling
     FROM runbook.permits WHERE remedy = $1`,
    [remedy, target, cooldownMs ?? 0, gate.id, ALL_TARGETS, lease],
  )
  const { hour, cooling } = found.rows[0]!
  if (cooling) return refuse('cooldown', `${gate.remedy} was applied to ${target} less than its cooldown ago`)
  if (perHour !== undefined && hour >= perHour)
    return refuse('limit', `${gate.remedy} has reached its limit of ${perHour} targets per hour`)
  return undefined
}

/**
 * The lease's name: the target's `lock`, by which remedies that treat the same thing exclude each other, or one of its own. What is done
 * once for all targets is named by the incident's key: incidents about different things share the target `-`.
 */
function leaseOf({ key }: LockedIncident, gate: GateRow, remedy: string, target: string): string {
  const { lock } = gate.proposal.targets.find((one) => one.key === target) ?? {}
  return lock ?? `${remedy}/${target === ALL_TARGETS ? `${ALL_TARGETS}/${key}` : target}`
}

/**
 * Takes the lease and returns its new fence; undefined while another gate holds it. Targets of the same gate are applied one after the
 * other: they may take a lease that they share from each other, each time with a higher fence.
 */
async function takeLease(
  connection: Connection,
  name: string,
  holder: string,
  leaseMs: number,
): Promise<number | undefined> {
  const taken = await connection.query<{ fence: string }>(
    `INSERT INTO runbook.leases AS l (name, holder, fence, until)
     VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = l.fence + 1, until = excluded.until
     WHERE l.holder = excluded.holder OR l.until <= clock_timestamp()
     RETURNING fence`,
    [name, holder, leaseMs],
  )
  return taken.rows[0] && Number(taken.rows[0].fence)
}

async function storePermit(
  connection: Connection,
  gate: GateRow,
  remedy: string,
  request: PermitRequest,
  lease: string,
  fence: number,
): Promise<void> {
  await connection.query(
    `INSERT INTO runbook.permits (gate, target, remedy, lease, fence) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (gate, target) DO UPDATE SET lease = excluded.lease, fence = excluded.fence, renewed_at = clock_timestamp()`,
    [gate.id, request.target, remedy, lease, fence],
  )
  await setState(connection, gate.incident, 'applying')
}
