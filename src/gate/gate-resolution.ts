import { defined } from '../core/defined.ts'
import type { GateState, GateResolution } from '../core/decision.ts'
import { formatPlace } from '../core/place.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordEvents, setState } from '../history/record.ts'
import {
  hasPermit,
  isWidenedNext,
  lapsesAt,
  lockGate,
  readDecisions,
  type GateRow,
  type LockedIncident,
} from './gates.ts'

/**
 * The state of a gate, from its row and the clock of the engine's database, because the workflow does not trust the content of a signal.
 * Calling this function also ends an open gate that has expired or whose incident was cancelled, and an approval that was not used while it
 * was valid.
 */
export async function resolveGateRow(database: Database, id: string): Promise<GateResolution> {
  return transaction(database, async (connection) => {
    const { incident, gate, now } = await lockGate(connection, id)
    const moved = await moveOn(connection, incident, gate, now)
    // Without this update, the incident would still be shown as waiting for a decision during the re-check.
    if (moved.state === 'approved') await setState(connection, incident.id, 'applying')
    return answer(connection, incident, moved, now)
  })
}

async function moveOn(connection: Connection, incident: LockedIncident, gate: GateRow, now: Date): Promise<GateRow> {
  const undecided = gate.state === 'open'
  if ((undecided || gate.state === 'approved') && incident.cancelled && !(await hasPermit(connection, gate.id)))
    return endGate(connection, gate, 'cancelled', `cancelled by ${incident.cancelledBy ?? 'somebody'}`)
  if (gate.stateNow === 'overdue') {
    if (isWidenedNext(gate)) return widen(connection, gate)
    const why = gate.escalatedAt ? 'twice unanswered' : 'nobody answered in time'
    return endGate(connection, gate, 'expired', why)
  }
  if (gate.state === 'approved' && lapsesAt(gate) <= now && !(await hasPermit(connection, gate.id)))
    return endGate(connection, gate, 'lapsed', 'the approval was not applied while it was valid')
  return gate
}

/** Ends a gate without a person's decision. */
export async function endGate(connection: Connection, gate: GateRow, state: GateState, why: string): Promise<GateRow> {
  await connection.query('UPDATE runbook.gates SET state = $2, why = $3 WHERE id = $1', [gate.id, state, why])
  await recordEvents(connection, gate.incident, [
    {
      place: formatPlace({ kind: 'gate-state', round: gate.round, state }),
      actor: 'engine',
      kind: 'gate',
      data: { gate: gate.id, state, why },
    },
  ])
  return { ...gate, state, stateNow: state, why }
}

async function widen(connection: Connection, gate: GateRow): Promise<GateRow> {
  const moved = await connection.query<{ expires_at: Date; escalated_at: Date }>(
    `UPDATE runbook.gates SET escalated_at = clock_timestamp(), expires_at = clock_timestamp() + within_ms * interval '1 millisecond'
     WHERE id = $1 RETURNING expires_at, escalated_at`,
    [gate.id],
  )
  await recordEvents(connection, gate.incident, [
    {
      place: formatPlace({ kind: 'gate-state', round: gate.round, state: 'escalated' }),
      actor: 'engine',
      kind: 'gate',
      data: {
        gate: gate.id,
        state: 'open',
        why: `nobody answered in time: ${gate.proposal.approval.escalateTo.join(', ')} may decide now too`,
      },
    },
  ])
  const row = moved.rows[0]!
  return { ...gate, stateNow: 'open', expiresAt: row.expires_at, escalatedAt: row.escalated_at }
}

async function answer(
  connection: Connection,
  { cancelled }: LockedIncident,
  gate: GateRow,
  now: Date,
): Promise<GateResolution> {
  switch (gate.state) {
    case 'open': {
      const expiresInMs = Math.max(1, gate.expiresAt.getTime() - now.getTime())
      const remindInMs = Math.max(0, Math.ceil(expiresInMs - gate.withinMs / 2))
      return { state: 'open', expiresInMs, escalated: gate.escalatedAt !== null, remindInMs }
    }
    case 'approved': {
      const alone = (await readDecisions(connection, gate.id)).find((one) => one.breakGlass && !one.withdrawnAt)
      return defined({
        state: 'approved' as const,
        targets: gate.approvedTargets ?? [],
        brokenBy: alone?.breakGlass ? { person: alone.person, reason: alone.breakGlass } : undefined,
        cancelled: cancelled ? (true as const) : undefined,
      })
    }
    case 'rejected': {
      const last = (await readDecisions(connection, gate.id)).findLast((one) => one.decision === 'reject')
      return { state: 'rejected', nextCause: gate.nextCause, by: last?.person ?? 'somebody' }
    }
    default:
      return { state: gate.state, why: gate.why ?? gate.state }
  }
}
