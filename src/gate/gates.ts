import type { GateState } from '../core/decision.ts'
import { sha256Hex } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Proposal } from '../core/proposal.ts'
import type { Connection, Queryable } from '../history/database.ts'

export interface GateRow {
  id: string
  incident: string
  round: number
  remedy: string
  proposal: Proposal
  proposalDigest: string
  /** Whether the stored proposal still is what the digest was made of. */
  intact: boolean
  state: GateState
  auto: boolean
  required: number
  groups: string[]
  excludeRequester: boolean
  withinMs: number
  validForMs: number
  openedAt: Date
  expiresAt: Date
  escalatedAt: Date | null
  decidedAt: Date | null
  approvedTargets: string[] | null
  nextCause: boolean
  why: string | null
}

const COLUMNS = `id, incident, round, remedy, proposal, proposal_digest AS "proposalDigest", state, auto, required, groups,
  exclude_requester AS "excludeRequester", within_ms AS "withinMs",
  valid_for_ms AS "validForMs", opened_at AS "openedAt", expires_at AS "expiresAt", escalated_at AS "escalatedAt",
  decided_at AS "decidedAt", approved_targets AS "approvedTargets", next_cause AS "nextCause", why`

type RawGateRow = Omit<GateRow, 'proposal' | 'intact' | 'withinMs' | 'validForMs'> & {
  proposal: string
  withinMs: string
  validForMs: string
}

function gateOf(row: RawGateRow): GateRow {
  return {
    ...row,
    proposal: readProposal(row),
    intact: sha256Hex(row.proposal) === row.proposalDigest,
    withinMs: Number(row.withinMs),
    validForMs: Number(row.validForMs),
  }
}

function readProposal({ id, proposal }: { id: string; proposal: string }): Proposal {
  try {
    return JSON.parse(proposal) as Proposal
  } catch {
    throw new RunbookError('RUNBOOK_REFUSED', `the stored proposal of ${id} cannot be read: it was changed`)
  }
}

/** Throws `RUNBOOK_NOT_FOUND`. */
export async function readGate(db: Queryable, id: string): Promise<GateRow> {
  const found = await db.query<RawGateRow>(`SELECT ${COLUMNS} FROM runbook.gates WHERE id = $1`, [id])
  if (!found.rows[0]) throw new RunbookError('RUNBOOK_NOT_FOUND', `no gate ${id}`)
  return gateOf(found.rows[0])
}

/** All gates of an incident, by round. */
export async function readGates(db: Queryable, incident: string): Promise<GateRow[]> {
  const found = await db.query<RawGateRow>(`SELECT ${COLUMNS} FROM runbook.gates WHERE incident = $1 ORDER BY round`, [
    incident,
  ])
  return found.rows.map(gateOf)
}

/** Gates of open incidents that nobody has decided on yet, the one that was opened last first. */
export async function readOpenGates(db: Queryable, limit: number): Promise<GateRow[]> {
  const found = await db.query<RawGateRow>(
    `SELECT ${COLUMNS} FROM runbook.gates g
     WHERE state = 'open' AND EXISTS (SELECT FROM runbook.incidents i WHERE i.id = g.incident AND i.closed_at IS NULL)
     ORDER BY opened_at DESC LIMIT $1`,
    [limit],
  )
  return found.rows.map(gateOf)
}

export interface LockedIncident {
  id: string
  runbook: string
  /** Who opened it, and who opened the incidents that led to it. */
  requesters: string[]
  cancelled: boolean
  cancelledBy: string | null
  closed: boolean
}

/** Locks in the order incident → gate, which every transaction keeps. */
export async function lockGate(
  connection: Connection,
  gate: string,
): Promise<{ incident: LockedIncident; gate: GateRow; now: Date }> {
  const incidentOfGate = (await readGate(connection, gate)).incident
  const incident = await lockIncident(connection, incidentOfGate)
  const found = await connection.query<RawGateRow & { now: Date }>(
    `SELECT ${COLUMNS}, clock_timestamp() AS now FROM runbook.gates WHERE id = $1 FOR UPDATE`,
    [gate],
  )
  const row = found.rows[0]!
  return { incident, gate: gateOf(row), now: row.now }
}

export async function lockIncident(connection: Connection, id: string): Promise<LockedIncident> {
  const found = await connection.query<LockedIncident>(
    `SELECT id, runbook, CASE WHEN parent IS NULL THEN ARRAY[requester] ELSE ARRAY(
       WITH RECURSIVE line AS (
         SELECT p.id, p.requester, p.parent FROM runbook.incidents p WHERE p.id = $1
         UNION SELECT p.id, p.requester, p.parent FROM runbook.incidents p JOIN line ON p.id = line.parent)
       SELECT requester FROM line) END AS requesters, cancelled_at IS NOT NULL AS cancelled, cancelled_by AS "cancelledBy", closed_at IS NOT NULL AS closed
     FROM runbook.incidents WHERE id = $1 FOR UPDATE`,
    [id],
  )
  if (!found.rows[0]) throw new RunbookError('RUNBOOK_NOT_FOUND', `no incident ${id}`)
  return found.rows[0]
}

export interface DecisionRow {
  jti: string
  gate: string
  person: string
  decision: 'approve' | 'reject'
  proposalDigest: string
  targets: string[] | null
  nextCause: boolean
  comment: string | null
  token: string
  at: Date
  withdrawnAt: Date | null
  /** The reason; null for every decision that was taken in the usual way. */
  breakGlass: string | null
}

/** Decisions on a gate, in the order they were made. */
export async function readDecisions(db: Queryable, gate: string): Promise<DecisionRow[]> {
  const found = await db.query<DecisionRow>(
    `SELECT jti, gate, person, decision, proposal_digest AS "proposalDigest", targets, next_cause AS "nextCause", comment, token, at,
     withdrawn_at AS "withdrawnAt", break_glass AS "breakGlass" FROM runbook.decisions WHERE gate = $1 ORDER BY at, jti`,
    [gate],
  )
  return found.rows
}

/** What a quorum is counted from. */
export type Vote = Pick<DecisionRow, 'person' | 'decision' | 'targets' | 'breakGlass'>

/**
 * Keys of the targets that enough distinct people approve, in the proposal's order: so many as the proposal says, which its digest, and
 * so every signature, covers, or one who breaks the glass.
 */
export function approvedTargets(proposal: Proposal, decisions: Vote[]): string[] {
  const required = Math.max(1, proposal.approval.count)
  const approvals = decisions.filter((one) => one.decision === 'approve')
  return proposal.targets
    .map((target) => target.key)
    .filter((key) => {
      const given = approvals.filter((one) => one.targets === null || one.targets.includes(key))
      return new Set(given.map((one) => one.person)).size >= required || given.some((one) => one.breakGlass !== null)
    })
}
