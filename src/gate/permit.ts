import { parseEvent } from '../core/parse-event.ts'
import { formatPlace, parsePlace, recheckPrefix } from '../core/place.ts'
import type { ProposedAction } from '../core/proposal.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordEvents, setState } from '../history/record.ts'
import { deciderOf, type Deciders } from './deciders.ts'
import type { DecisionClaims } from './decision-schema.ts'
import { ineligible } from './eligible.ts'
import { approvedTargets, lockGate, readDecisions, type GateRow, type LockedIncident, type Vote } from './gates.ts'
import type { Keyring } from './keyring.ts'

/** Grounds older than this are stale: the interpreter checks again. */
const MAX_RECHECK_AGE_MS = 60_000

export interface PermitRequest {
  gate: string
  /** A target's key; `-` for an action that is done once. */
  target: string
  /** When the checks behind the cause ran last, as it was recorded (ISO 8601, microseconds). */
  recheckedAt: string
  leaseMs: number
}

export type PermitRefusal =
  'stale' | 'cancelled' | 'frozen' | 'breaker' | 'limit' | 'cooldown' | 'busy' | 'not-approved' | 'withdrawn' | 'lapsed'

export type PermitAnswer =
  { granted: true; fence: number; lease: string } | { granted: false; reason: PermitRefusal; message: string }

export type TakePermit = (request: PermitRequest) => Promise<PermitAnswer>

/** By what a permit is judged: the keys and people of the configuration as they are now, not as they were when it was decided. */
export interface PermitRules extends Deciders {
  keyring: Keyring
  /** Whether the configuration allows this action to be applied without an approval. */
  isAutoApproved(action: ProposedAction): boolean
}

/** Of `runbook.turn_control`, which takes it for itself alone. */
const TURN_LOCK = 7_214_455_002

/** Stands for the whole, where an action is done once. */
const ALL_TARGETS = '-'

/**
 * The engine's leave to apply one proposal to one target: the point of no return, taken in one transaction. Decisions are verified
 * by their signatures, not by the rows' word, and count while their person may still decide. The limits are reserved here; a target
 * that has its permit gets it again after a crash, with a new fence, without being charged twice; signatures, freeze and breaker are
 * looked at again.
 */
export async function takePermit(
  database: Database,
  rules: PermitRules,
  request: PermitRequest,
): Promise<PermitAnswer> {
  // Verified before the locks are taken: a decision's row never changes but for its withdrawal, which is looked at again below.
  const verified = await verifiedDecisions(database, rules.keyring, request.gate)
  return transaction(database, async (connection) => {
    const { incident, gate, now } = await lockGate(connection, request.gate)
    const earlier = await earlierPermit(connection, request)
    if (incident.closed) return no('cancelled', 'the incident is closed')
    const late =
      (earlier ? undefined : await tooLate(connection, incident, gate, now)) ??
      (earlier && (await isBegun(connection, request)) ? undefined : await staleRecheck(connection, gate, now, request))
    if (late) return late
    if (!gate.intact) return no('not-approved', 'the stored proposal is not the one that was approved')
    if (!(await approves(connection, rules, incident, gate, now, verified, request.target)))
      return no('not-approved', `no quorum of signed approvals covers target ${request.target} of this proposal`)
    const control = await controlsInTheWay(connection, gate)
    if (control) return control
    const remedy = `${incident.runbook}/${gate.remedy}`
    if (!earlier) {
      const limit = await limitInTheWay(connection, gate, remedy, request.target)
      if (limit) return limit
    }
    const lease = leaseOf(gate, remedy, request.target)
    const fence = await takeLease(connection, lease, request.gate, request.leaseMs)
    if (fence === undefined) return no('busy', `something else is being done to ${lease} just now`)
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

function no(reason: PermitRefusal, message: string): PermitAnswer {
  return { granted: false, reason, message }
}

/** What stands against a target's first permit, and no longer against one that is taken again. */
async function tooLate(
  connection: Connection,
  incident: LockedIncident,
  gate: GateRow,
  now: Date,
): Promise<PermitAnswer | undefined> {
  if (incident.cancelled) return no('cancelled', 'the incident was cancelled before this target was begun')
  if (gate.state === 'withdrawn') return no('withdrawn', gate.why ?? 'the approval was taken back')
  if (gate.state !== 'approved') return no('not-approved', `the gate is ${gate.state}`)
  const lapses = (gate.decidedAt?.getTime() ?? 0) + gate.validForMs
  if (lapses <= now.getTime() && !(await anyPermit(connection, gate.id)))
    return no('lapsed', 'the approval is no longer valid')
  return undefined
}

/** Whether its permit led to an effect: the target's next actions finish what is begun, and the grounds may have changed by it. */
async function isBegun(connection: Connection, { gate, target }: PermitRequest): Promise<boolean> {
  const found = await connection.query(
    `SELECT FROM runbook.permits p JOIN runbook.effects e USING (gate, target)
     WHERE p.gate = $1 AND p.target = $2 AND e.at > p.issued_at LIMIT 1`,
    [gate, target],
  )
  return found.rowCount === 1
}

/** The last look at the grounds, as it stands in the history: it must be the one relied on, be recent, and have kept this target. */
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
  if (!last || last.at !== recheckedAt || !(now.getTime() - Date.parse(last.at) <= MAX_RECHECK_AGE_MS))
    return no('stale', 'the checks behind the cause are too old')
  const event = parseEvent(last.body)
  const targets = event.kind === 'recheck' ? event.data.targets : []
  const kept = target === ALL_TARGETS ? targets.length > 0 : targets.includes(target)
  return kept ? undefined : no('stale', `${target} no longer qualified when it was last looked at`)
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

async function approves(
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
  if (gate.auto)
    return proposal.approval.auto && proposed.length > 0 && proposal.actions.every((one) => rules.isAutoApproved(one))
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
  // What is done once is done for all; without `for` the one target's key is `-` itself.
  return proposed.length > 0 && proposed.every((key) => covered.includes(key))
}

async function earlierPermit(connection: Connection, request: PermitRequest): Promise<boolean> {
  const found = await connection.query('SELECT 1 FROM runbook.permits WHERE gate = $1 AND target = $2', [
    request.gate,
    request.target,
  ])
  return found.rowCount === 1
}

async function anyPermit(connection: Connection, gate: string): Promise<boolean> {
  return (await connection.query('SELECT 1 FROM runbook.permits WHERE gate = $1 LIMIT 1', [gate])).rowCount === 1
}

async function controlsInTheWay(connection: Connection, gate: GateRow): Promise<PermitAnswer | undefined> {
  // Whoever turns a control waits for the permits that did not see it: none is granted after a freeze has returned.
  await connection.query('SELECT pg_advisory_xact_lock_shared($1)', [TURN_LOCK])
  const connections = gate.proposal.actions.map((action) => `breaker/${String(action.with.connection)}`)
  const found = await connection.query<{ name: string; person: string; reason: string }>(
    `SELECT name, person, reason FROM runbook.controls WHERE name = 'freeze' OR name = ANY ($1) ORDER BY name DESC`,
    [connections],
  )
  const row = found.rows[0]
  if (!row) return undefined
  return no(row.name === 'freeze' ? 'frozen' : 'breaker', `${row.name} is on (${row.person}: ${row.reason})`)
}

/**
 * Targets per hour of this remedy (`<runbook>/<remedy>`), and the pause per target. Two permits of one remedy are kept apart by an
 * advisory lock.
 */
async function limitInTheWay(
  connection: Connection,
  gate: GateRow,
  remedy: string,
  target: string,
): Promise<PermitAnswer | undefined> {
  const { perHour, cooldownMs } = gate.proposal.limits
  if (perHour === undefined && cooldownMs === undefined) return undefined
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [remedy])
  const found = await connection.query<{ hour: number; cooling: boolean }>(
    `SELECT count(*) FILTER (WHERE issued_at > clock_timestamp() - interval '1 hour')::int AS hour,
       coalesce(bool_or(target = $2 AND gate <> $4 AND issued_at > clock_timestamp() - $3 * interval '1 millisecond'), false) AS cooling
     FROM runbook.permits WHERE remedy = $1`,
    [remedy, target, cooldownMs ?? 0, gate.id],
  )
  const { hour, cooling } = found.rows[0]!
  if (cooling) return no('cooldown', `${gate.remedy} was applied to ${target} a moment ago`)
  if (perHour !== undefined && hour >= perHour)
    return no('limit', `${gate.remedy} has reached its ${perHour} targets per hour`)
  return undefined
}

/** Targets of different remedies that are one thing share a lease by the name in `lock`; others have one of their own. */
function leaseOf(gate: GateRow, remedy: string, target: string): string {
  return gate.proposal.targets.find((one) => one.key === target)?.lock ?? `${remedy}/${target}`
}

/**
 * The lease's new fence; undefined while another gate holds it. One gate's targets come one after the other, so they hand a lease that
 * they share on, each time with a higher fence.
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
