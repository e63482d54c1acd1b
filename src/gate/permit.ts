import { isSameJson } from '../core/canonical.ts'
import { formatPlace } from '../core/place.ts'
import type { PolicyTerms } from '../core/policy.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { takeLease } from '../history/leases.ts'
import { readPlan } from '../history/plans.ts'
import { recordEvents, setState } from '../history/record.ts'
import { hasPermit, lapsesAt, lockGate, type GateRow, type LockedIncident } from './gates.ts'
import { leaseBusy, leaseOf, refusedByControl, refusedByLimit } from './permit-limits.ts'
import { notApproved, verifiedDecisions } from './permit-quorum.ts'
import { isBegun, staleRecheck } from './permit-recheck.ts'
import { refuse, type PermitAnswer, type PermitRequest, type PermitRules } from './permit-request.ts'
import { departsFromPlan } from './plan-terms.ts'
import { demandedTerms, termsInForce } from './policy-terms.ts'

/**
 * Takes, in one transaction, the engine's permission to apply one proposal to one target. From then on the decision can no longer be
 * withdrawn. Decisions are verified by their signatures, not by their rows, and count only if the person who made them may still decide.
 * The permit counts towards the limits. After a crash, a target that has a permit gets it again with a new fence: it is not counted twice,
 * but signatures, freeze and breaker are checked again.
 */
export async function takePermit(
  database: Database,
  rules: PermitRules,
  request: PermitRequest,
): Promise<PermitAnswer> {
  // Signatures are verified before the locks are taken, because the verification takes long. Later only a withdrawal, or the removal of a
  // passkey, makes a verified decision invalid, and `countedVotes` reads both again under the lock.
  const verified = await verifiedDecisions(database, rules.keyring, request.gate)
  return transaction(database, async (connection) => {
    const { incident, gate, now } = await lockGate(connection, request.gate)
    const earlier = await earlierPermit(connection, request)
    if (incident.closed) return refuse('cancelled', 'the incident is closed')
    const late = earlier ? undefined : await tooLate(connection, incident, gate, now)
    if (late) return late
    const other = gate.intact
      ? mismatchWithProposal(gate, request)
      : 'the stored proposal was changed after it was created'
    if (other !== undefined) return refuse('not-approved', other)
    const inForce = await termsInForce(connection, rules.policy, gate.proposal)
    const departs = await mismatchWithPlan(connection, rules, incident, gate, inForce)
    if (departs !== undefined)
      return refuse('not-approved', `the proposal does not match the incident's plan: ${departs}`)
    const terms = demandedTerms(gate.proposal, inForce)
    const missing = await notApproved(connection, rules, {
      ...{ incident, gate, now, verified, terms },
      target: request.target,
    })
    if (missing !== undefined) return refuse('not-approved', missing)
    const control = await refusedByControl(connection, gate)
    // A remedy that has begun may continue after its approval has lapsed, but it does not wait for the end of a freeze
    // beyond that time.
    if (control?.reason === 'frozen' && lapsesAt(gate) <= now)
      return refuse('lapsed', `the approval is no longer valid, and ${control.message}`)
    if (control) return control
    // The freeze is checked first, because the re-check grows too old during a freeze, and the message must name the freeze as the reason.
    const stale =
      earlier && (await isBegun(connection, request)) ? undefined : await staleRecheck(connection, gate, now, request)
    if (stale) return stale
    const remedy = `${incident.runbook}/${gate.remedy}`
    const lease = leaseOf(incident, gate, remedy, request.target)
    if (!earlier) {
      const limit = await refusedByLimit(connection, gate, remedy, request.target, lease)
      if (limit) return limit
    }
    const taken = await takeLease(connection, lease, request.gate, request.leaseMs)
    if ('ahead' in taken) return leaseBusy(lease, taken.ahead)
    const { fence } = taken
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

/** Why the requested action is not an approved action; undefined if it is. */
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
  inForce: PolicyTerms | undefined,
): Promise<string | undefined> {
  if (proposal.planDigest !== planDigest) return 'the proposal names another plan'
  return departsFromPlan(await readPlan(connection, planDigest), proposal, !requesterMayApprove, inForce)
}

/** Why a target gets no first permit any more. A target that already had a permit is not refused for these reasons. */
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

async function earlierPermit(connection: Connection, request: PermitRequest): Promise<boolean> {
  const found = await connection.query('SELECT 1 FROM runbook.permits WHERE gate = $1 AND target = $2', [
    request.gate,
    request.target,
  ])
  return found.rowCount === 1
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
