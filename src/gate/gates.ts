import type { GateState, ShownGateState } from '../core/decision.ts'
import { sha256Hex } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import { readStoredProposal } from '../core/parse-proposal.ts'
import type { Proposal } from '../core/proposal.ts'
import type { Connection, Queryable } from '../history/database.ts'

/**
 * A gate. The terms of the gate (who decides, how many people, how long an approval is valid) are in its proposal, which every decision's
 * signature covers.
 */
export interface GateRow {
  id: string
  incident: string
  round: number
  remedy: string
  proposal: Proposal
  proposalDigest: string
  /** Whether the stored proposal still has the stored digest. */
  intact: boolean
  /** The state that is stored. */
  state: GateState
  /** The state at the moment of reading. Only a gate that is `open` here accepts decisions. */
  stateNow: ShownGateState
  withinMs: number
  openedAt: Date
  expiresAt: Date
  escalatedAt: Date | null
  decidedAt: Date | null
  approvedTargets: string[] | null
  nextCause: boolean
  why: string | null
}

/**
 * The state of a gate at this moment, by the clock of the engine's database. The stored state follows only when a worker reads the gate, so
 * a gate that nobody decided in time, or whose incident was cancelled, is stored as open until then.
 */
const STATE_NOW = `CASE WHEN gates.state <> 'open' THEN gates.state
  WHEN EXISTS (SELECT FROM runbook.incidents i WHERE i.id = gates.incident AND (i.cancelled_at IS NOT NULL OR i.closed_at IS NOT NULL))
    THEN 'cancelling'
  WHEN gates.expires_at <= clock_timestamp() THEN 'overdue' ELSE 'open' END`

const COLUMNS = `id, incident, round, remedy, proposal, proposal_digest AS "proposalDigest", state, ${STATE_NOW} AS "stateNow", within_ms AS "withinMs",
  opened_at AS "openedAt", expires_at AS "expiresAt", escalated_at AS "escalatedAt", decided_at AS "decidedAt",
  approved_targets AS "approvedTargets", next_cause AS "nextCause", why`

type RawGateRow = Omit<GateRow, 'proposal' | 'intact' | 'withinMs'> & { proposal: string; withinMs: string }

function gateOf(row: RawGateRow): GateRow {
  return {
    ...row,
    proposal: readProposal(row),
    intact: sha256Hex(row.proposal) === row.proposalDigest,
    withinMs: Number(row.withinMs),
  }
}

function readProposal({ id, proposal }: { id: string; proposal: string }): Proposal {
  const read = readStoredProposal(proposal)
  if (read) return read
  throw new RunbookError(
    'RUNBOOK_REFUSED',
    `the stored proposal of ${id} cannot be read: it was changed after it was stored. Run "runbook audit verify"`,
  )
}

/**
 * Gates for a view: those that can be shown, and the ids of those that cannot be read because somebody changed them.
 */
export interface ShownGates {
  gates: GateRow[]
  unreadable: string[]
}

function shownGates(rows: RawGateRow[]): ShownGates {
  const isReadable = (row: RawGateRow) =>
    readStoredProposal(row.proposal) !== undefined &&
    [row.openedAt, row.expiresAt].every(isTime) &&
    [row.escalatedAt, row.decidedAt].every((time) => time === null || isTime(time))
  return {
    gates: rows.filter(isReadable).map(gateOf),
    unreadable: rows.filter((row) => !isReadable(row)).map(({ id }) => id),
  }
}

/** PostgreSQL also knows the times `infinity` and `-infinity`, which node-pg returns as numbers. */
function isTime(time: unknown): boolean {
  return time instanceof Date && !Number.isNaN(time.getTime())
}

/** Reads a gate. Throws `RUNBOOK_NOT_FOUND`. */
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

/** Like `readGates`, but does not throw for a gate that cannot be read: a view shows its id instead. */
export async function readShownGates(db: Queryable, incident: string): Promise<ShownGates> {
  const found = await db.query<RawGateRow>(`SELECT ${COLUMNS} FROM runbook.gates WHERE incident = $1 ORDER BY round`, [
    incident,
  ])
  return shownGates(found.rows)
}

/**
 * Gates without an end: those that accept decisions (`open`), or those whose time is over (`overdue`). `plans`: only those of incidents with
 * these plans; null: all.
 */
export async function readUndecidedGates(
  db: Queryable,
  stateNow: 'open' | 'overdue',
  plans: string[] | null,
  limit: number,
  first: 'newest' | 'oldest' = 'newest',
): Promise<ShownGates> {
  const found = await db.query<RawGateRow>(
    `SELECT ${COLUMNS} FROM runbook.gates WHERE state = 'open' AND ${STATE_NOW} = $3
       AND ($4::text[] IS NULL OR incident IN (SELECT id FROM runbook.incidents WHERE plan_digest = ANY ($4)))
     ORDER BY extract(epoch FROM opened_at) * $2 LIMIT $1`,
    [limit, first === 'oldest' ? 1 : -1, stateNow, plans],
  )
  return shownGates(found.rows)
}

/** How many gates accept decisions, the age of the oldest of them (0 without any), and how many gates have no end although their time is over. */
export async function countUndecidedGates(
  db: Queryable,
): Promise<{ open: number; oldestSeconds: number; overdue: number }> {
  const found = await db.query<{ open: number; oldestSeconds: number; overdue: number }>(
    `SELECT count(*) FILTER (WHERE now = 'open')::int AS open, count(*) FILTER (WHERE now = 'overdue')::int AS overdue,
       coalesce(extract(epoch FROM clock_timestamp() - min(opened_at) FILTER (WHERE now = 'open')), 0)::float8 AS "oldestSeconds"
     FROM (SELECT opened_at, ${STATE_NOW} AS now FROM runbook.gates WHERE state = 'open') undecided`,
  )
  return found.rows[0]!
}

/** The state of a gate at this moment; undefined if there is no such gate. */
export async function readStateNow(db: Queryable, id: string): Promise<ShownGateState | undefined> {
  const found = await db.query<{ stateNow: ShownGateState }>(
    `SELECT ${STATE_NOW} AS "stateNow" FROM runbook.gates WHERE id = $1`,
    [id],
  )
  return found.rows[0]?.stateNow
}

/** Whether more groups are asked when the time to decide is over. This happens once. */
export function isWidenedNext({ escalatedAt, proposal: { approval } }: GateRow): boolean {
  return approval.onTimeout === 'escalate' && escalatedAt === null
}

/** Why a gate is in its present state, as text for people; null if nothing is known about it. */
export function whyInState(gate: GateRow): string | null {
  if (gate.stateNow === 'cancelling') return 'its incident was cancelled or closed: no decision is possible any more'
  if (gate.stateNow !== 'overdue') return gate.why
  const next = isWidenedNext(gate) ? `ask ${gate.proposal.approval.escalateTo.join(', ')} too` : 'record it'
  return `the time to decide is over; a worker will ${next}`
}

export interface LockedIncident {
  id: string
  runbook: string
  planDigest: string
  key: string
  /** The people who opened the incident and each incident that led to it by a handoff, retry or undo. */
  requesters: string[]
  cancelled: boolean
  cancelledBy: string | null
  closed: boolean
}

/** When an approval that was not used stops being valid. */
export function lapsesAt({ decidedAt, proposal }: Pick<GateRow, 'decidedAt' | 'proposal'>): Date {
  return new Date((decidedAt?.getTime() ?? 0) + proposal.approval.validForMs)
}

/** Whether any target of the gate has a permit: from then on the approval is in use and can no longer lapse or be withdrawn. */
export async function hasPermit(connection: Queryable, gate: string): Promise<boolean> {
  const found = await connection.query('SELECT 1 FROM runbook.permits WHERE gate = $1 LIMIT 1', [gate])
  return found.rowCount === 1
}

/**
 * Locks the incident, then the gate. Every transaction locks in this order, so that two cannot block each other. `now`
 * is the time of the database's clock.
 */
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

const DECIDED_INCIDENT = `SELECT id, runbook, plan_digest AS "planDigest", key, CASE WHEN parent IS NULL THEN ARRAY[requester] ELSE ARRAY(
       WITH RECURSIVE line AS (
         SELECT p.id, p.requester, p.parent FROM runbook.incidents p WHERE p.id = $1
         UNION SELECT p.id, p.requester, p.parent FROM runbook.incidents p JOIN line ON p.id = line.parent)
       SELECT requester FROM line) END AS requesters, cancelled_at IS NOT NULL AS cancelled, cancelled_by AS "cancelledBy", closed_at IS NOT NULL AS closed
     FROM runbook.incidents WHERE id = $1`

export async function lockIncident(connection: Connection, id: string): Promise<LockedIncident> {
  const found = await connection.query<LockedIncident>(`${DECIDED_INCIDENT} FOR UPDATE`, [id])
  return foundIncident(found.rows, id)
}

/** Reads the same data as `lockIncident`, for a view, without the lock. */
export async function readDecidedIncident(db: Queryable, id: string): Promise<LockedIncident> {
  return foundIncident((await db.query<LockedIncident>(DECIDED_INCIDENT, [id])).rows, id)
}

function foundIncident([found]: LockedIncident[], id: string): LockedIncident {
  if (found) return found
  throw new RunbookError('RUNBOOK_NOT_FOUND', `incident ${id} does not exist; run "runbook list" to see all incidents`)
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
  /** The reason for a break-glass approval; null for other decisions. */
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

/** The part of a decision with which the quorum is counted. */
export type Vote = Pick<DecisionRow, 'person' | 'decision' | 'targets' | 'breakGlass'>

/**
 * The number of distinct people who must approve; 0 when the configuration allows the remedy without an approval. The number is read from
 * the proposal, whose digest every signature covers.
 */
export function requiredApprovals({ approval }: Pick<Proposal, 'approval'>): number {
  return approval.auto ? 0 : Math.max(1, approval.count)
}

/**
 * Keys of the targets that enough distinct people approve, in the proposal's order. One break-glass approval is enough. `least`: how many
 * people the policy demands now, if it demands more than the proposal.
 */
export function approvedTargets(proposal: Proposal, decisions: Vote[], least = 1): string[] {
  const required = Math.max(1, least, proposal.approval.count)
  const approvals = decisions.filter((one) => one.decision === 'approve')
  return proposal.targets
    .map((target) => target.key)
    .filter((key) => {
      const covering = approvals.filter((one) => one.targets === null || one.targets.includes(key))
      const people = new Set(covering.map((one) => one.person))
      return people.size >= required || covering.some((one) => one.breakGlass !== null)
    })
}
