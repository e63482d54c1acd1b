import { canonical, isSameJson, sha256Hex } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Finding } from '../core/incident.ts'
import type { Json } from '../core/json.ts'
import { parseEvent } from '../core/parse-event.ts'
import { policyName, type Policy } from '../core/policy.ts'
import { formatPlace } from '../core/place.ts'
import type { Proposal } from '../core/proposal.ts'
import { findingsEvent } from '../history/close.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { releaseLeases } from '../history/leases.ts'
import { readPlan } from '../history/plans.ts'
import { recordEvents, setState } from '../history/record.ts'
import { lockIncident, readGate } from './gates.ts'
import { departsFromPlan } from './plan-terms.ts'
import { termsInForce } from './policy-terms.ts'

export interface GateRequest {
  /** The proposal without its times, which the engine's database sets. */
  proposal: Omit<Proposal, 'proposedAt' | 'expiresAt'>
  findings: Finding[]
  withinMs: number
  /** Whether the configuration excludes the requester from every approval. */
  requesterExcluded: boolean
  /** The policy of the configuration. Its terms must be in the proposal. */
  policy: Policy
}

export type OpenedGate =
  { opened: true; gate: string; proposal: Proposal; proposalDigest: string } | { opened: false; cancelledBy: string }

/**
 * Stores a proposal and opens its gate. A second call for the same round, after a crash, returns the proposal that was stored first.
 * An incident that was cancelled or closed in the meantime gets no gate.
 */
export async function openGate(database: Database, request: GateRequest): Promise<OpenedGate> {
  const { gate: id, incident, round } = request.proposal
  return transaction(database, async (connection) => {
    const locked = await lockIncident(connection, incident)
    const stored = await storedBefore(connection, request, locked.planDigest)
    if (stored) return stored
    if (locked.cancelled || locked.closed) return { opened: false, cancelledBy: locked.cancelledBy ?? 'engine' }
    const departs =
      request.proposal.planDigest === locked.planDigest
        ? await departsNow(connection, request)
        : 'the proposal names another plan'
    if (departs !== undefined)
      throw new RunbookError('RUNBOOK_REFUSED', `the proposal for ${id} does not match the incident's plan: ${departs}`)
    const { proposedAt, expiresAt } = await times(connection, request.withinMs)
    const proposal: Proposal = { ...request.proposal, proposedAt, expiresAt }
    const text = canonical(proposal as unknown as Json)
    const proposalDigest = sha256Hex(text)
    await insertGate(connection, request, proposal, text, proposalDigest)
    await recordEvents(connection, incident, [
      findingsEvent({ round, findings: request.findings }),
      {
        place: formatPlace({ kind: 'proposal', round }),
        actor: 'engine',
        kind: 'proposal',
        data: {
          gate: id,
          remedy: proposal.remedy,
          title: proposal.title,
          cause: proposal.cause,
          proposalDigest,
          targets: proposal.targets.map((target) => target.key),
          affected: proposal.affected,
          auto: proposal.approval.auto,
          withinMs: request.withinMs,
          expiresAt,
        },
      },
    ])
    await setState(connection, incident, 'deciding')
    await releaseLeases(connection, incident)
    return { opened: true, gate: id, proposal, proposalDigest }
  })
}

/**
 * The gate that an earlier attempt opened; undefined if none did. If somebody else inserted a row under this id, the row would block every
 * decision and permit of the incident until its gate expires. Such a row is refused here, so that the incident fails at once and says why.
 */
async function storedBefore(
  connection: Connection,
  { proposal: wanted, requesterExcluded, policy }: GateRequest,
  planDigest: string,
): Promise<OpenedGate | undefined> {
  const { gate: id, incident, round } = wanted
  const exists = await connection.query('SELECT 1 FROM runbook.gates WHERE id = $1', [id])
  if (!exists.rowCount) return undefined
  const { proposal, proposalDigest, intact } = await readGate(connection, id)
  if (!isSameJson(withoutLooks(proposal), withoutLooks(wanted)))
    throw new RunbookError(
      'RUNBOOK_REFUSED',
      `${id} already exists with a different proposal from the one of this round`,
    )
  const found = await connection.query<{ body: string }>(
    'SELECT body FROM runbook.events WHERE incident = $1 AND place = $2',
    [incident, formatPlace({ kind: 'proposal', round })],
  )
  const event = found.rows[0] && parseEvent(found.rows[0].body)
  const isOwn = intact && event?.kind === 'proposal' && event.data.proposalDigest === proposalDigest
  const departs = isOwn
    ? departsFromPlan(
        await readPlan(connection, planDigest),
        proposal,
        requesterExcluded,
        await termsInForce(connection, policy, proposal),
      )
    : 'the incident has no event of this proposal'
  if (departs === undefined) return { opened: true, gate: id, proposal, proposalDigest }
  throw new RunbookError(
    'RUNBOOK_REFUSED',
    `the row of ${id} was not stored by this engine: ${departs}. Run "runbook audit verify"`,
  )
}

async function departsNow(connection: Connection, request: GateRequest): Promise<string | undefined> {
  const { proposal, requesterExcluded, policy } = request
  const terms = await termsInForce(connection, policy, proposal)
  const departs = departsFromPlan(await readPlan(connection, proposal.planDigest), proposal, requesterExcluded, terms)
  if (departs !== undefined) return departs
  if (terms && proposal.approval.auto) return `${policyName(terms)} demands an approval`
  const { authors: _, ...stored } = proposal.approval.policy ?? {}
  const { authors: __, ...demanded } = terms ?? {}
  return isSameJson(stored, demanded) ? undefined : 'its terms differ from the terms of the policy'
}

/**
 * The parts of a proposal in which two attempts to open the same gate must agree. Previews and times are left out,
 * because they differ between attempts.
 */
function withoutLooks({ gate, planDigest, remedy, cause, actions, targets, limits }: GateRequest['proposal']): unknown {
  const done = actions.map(({ id, kind, access, target, with: given }) => ({ id, kind, access, target, with: given }))
  return { gate, planDigest, remedy, cause, actions: done, targets, limits }
}

const ISO = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

async function times(connection: Connection, withinMs: number): Promise<{ proposedAt: string; expiresAt: string }> {
  const found = await connection.query<{ proposedAt: string; expiresAt: string }>(
    `SELECT to_char(now AT TIME ZONE 'UTC', ${ISO}) AS "proposedAt",
       to_char((now + $1 * interval '1 millisecond') AT TIME ZONE 'UTC', ${ISO}) AS "expiresAt" FROM clock_timestamp() AS now`,
    [withinMs],
  )
  return found.rows[0]!
}

async function insertGate(
  connection: Connection,
  request: GateRequest,
  proposal: Proposal,
  text: string,
  digest: string,
): Promise<void> {
  const { auto } = proposal.approval
  await connection.query(
    `INSERT INTO runbook.gates (id, incident, round, remedy, proposal, proposal_digest, state, auto, within_ms, opened_at, expires_at,
       decided_at, approved_targets)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::timestamptz, $11::timestamptz,
       CASE WHEN $8 THEN $10::timestamptz END, CASE WHEN $8 THEN $12::text[] END)`,
    [
      proposal.gate,
      proposal.incident,
      proposal.round,
      proposal.remedy,
      text,
      digest,
      auto ? 'approved' : 'open',
      auto,
      request.withinMs,
      proposal.proposedAt,
      proposal.expiresAt,
      proposal.targets.map((target) => target.key),
    ],
  )
}
