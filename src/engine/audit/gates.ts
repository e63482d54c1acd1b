import { parsePlace } from '../../core/place.ts'
import { readStoredProposal } from '../../core/parse-proposal.ts'
import type { Proposal } from '../../core/proposal.ts'
import type { Queryable } from '../../history/database.ts'
import type { StoredEvent, StoredEventOf } from '../../core/events.ts'
import { approvedTargets, type Vote } from '../../gate/gates.ts'
import { differing, guarded, isNear, isOfGate, millisecondsOf, type Recorded } from './recorded.ts'

interface Row {
  id: string
  round: number
  remedy: string
  proposal: string
  state: string
  auto: boolean
  within_ms: string
  opened_at: Date
  expires_at: Date
  escalated_at: Date | null
  decided_at: Date | null
  approved_targets: string[] | null
  next_cause: boolean
  why: string | null
}

/** Compares the terms of each gate with its proposal, and its state with the state that its events lead to. */
export async function gateFaults(db: Queryable, recorded: Recorded): Promise<void> {
  const { incident, events, fault } = recorded
  const rows = await db.query<Row>('SELECT * FROM runbook.gates WHERE incident = $1 ORDER BY round', [incident])
  for (const row of rows.rows) {
    const proposal = readStoredProposal(row.proposal)
    const proposed = events.find((event) => isOfGate(event, 'proposal', row.id))
    // `verifyChain` already reports a proposal that is unreadable or has no event.
    if (!proposal || !proposed) continue
    await guarded(fault, `gate ${row.id}`, () => {
      const wrong = [...termsOf(row, proposal, proposed), ...stateOf(row, proposal, proposed, events)]
      if (wrong.length > 0) fault(`gate ${row.id} differs from its events: ${wrong.join(', ')}`, proposed.seq)
    })
  }
}

function termsOf(row: Row, proposal: Proposal, proposed: StoredEventOf<'proposal'>): string[] {
  return differing(
    {
      ...row,
      within_ms: Number(row.within_ms),
      opened: millisecondsOf(row.opened_at),
      id: row.id,
    },
    {
      id: proposal.gate,
      round: proposal.round,
      remedy: proposal.remedy,
      auto: proposal.approval.auto,
      within_ms: proposed.data.withinMs,
      opened: Date.parse(proposal.proposedAt),
    },
  )
}

interface GateStatus {
  state: string
  approved_targets: string[] | null
  next_cause: boolean
  why: string | null
  decidedAt?: string
  escalatedAt?: string
}

function stateOf(row: Row, proposal: Proposal, proposed: StoredEventOf<'proposal'>, events: StoredEvent[]): string[] {
  const { decidedAt, escalatedAt, ...status } = replay(row.id, proposal, proposed, events)
  const wrong = differing(row, status)
  if (!isNear(row.decided_at, decidedAt)) wrong.push('decided_at')
  if (!isNear(row.escalated_at, escalatedAt)) wrong.push('escalated_at')
  const expires = escalatedAt === undefined ? Date.parse(proposal.expiresAt) : undefined
  const late = row.escalated_at ? millisecondsOf(row.escalated_at) + Number(row.within_ms) : 0
  if (!(Math.abs(millisecondsOf(row.expires_at) - (expires ?? late)) <= 1_000)) wrong.push('expires_at')
  return wrong
}

/** The status to which the events lead, by the same rules as in the functions that change a gate. */
function replay(
  gate: string,
  proposal: Proposal,
  proposed: StoredEventOf<'proposal'>,
  events: StoredEvent[],
): GateStatus {
  const { auto } = proposal.approval
  const all = proposal.targets.map((target) => target.key)
  const now: GateStatus = {
    state: auto ? 'approved' : 'open',
    approved_targets: auto ? all : null,
    next_cause: false,
    why: null,
    ...(auto ? { decidedAt: proposed.at } : {}),
  }
  const live = new Map<string, Vote>()
  for (const event of events) {
    if (event.kind === 'decision' && event.data.gate === gate) {
      const { person, decision, targets, breakGlass = null, nextCause = false, comment = null } = event.data
      live.set(person, { person, decision, targets, breakGlass })
      const approved = approvedTargets(proposal, [...live.values()])
      const decidedAt = event.at
      if (decision === 'reject')
        Object.assign(now, { state: 'rejected', next_cause: nextCause, why: comment, decidedAt })
      else if (approved.length > 0) Object.assign(now, { state: 'approved', approved_targets: approved, decidedAt })
    } else if (event.kind === 'withdrawal' && event.data.gate === gate) {
      const { person, state } = event.data
      live.delete(person)
      // Events of earlier versions have no `why`; the row then has this text.
      if (state === 'withdrawn')
        Object.assign(now, { state, why: event.data.why ?? `${person} took the approval back` })
      if (state === 'approved') now.approved_targets = approvedTargets(proposal, [...live.values()])
    } else if (event.kind === 'gate' && event.data.gate === gate) {
      if (isEscalated(event.place)) now.escalatedAt = event.at
      else Object.assign(now, { state: event.data.state, why: event.data.why })
    }
  }
  return now
}

function isEscalated(place: string | null): boolean {
  const parsed = place === null ? undefined : parsePlace(place)
  return parsed?.kind === 'gate-state' && parsed.state === 'escalated'
}
