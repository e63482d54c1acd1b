import type { GateState } from '../core/decision.ts'
import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { formatPlace } from '../core/place.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'
import type { WithdrawRequest } from './decision-schema.ts'
import { recordRefusal } from './tallies.ts'
import { approvedTargets, lockGate, readDecisions, type DecisionRow, type GateRow } from './gates.ts'

export interface WithdrawDependencies {
  database: Database
  /** Wakes the incident's workflow, so that it reads its gate. When the signal is lost, the reconciler sends it again. */
  wakeWorkflow(incident: string): Promise<void>
}

export interface Withdrawn {
  gate: string
  incident: string
  state: GateState
}

/** The result of the transaction: a refusal is committed with its event before it is thrown. */
type Result = { withdrawn: Withdrawn } | { refused: RunbookError }

/**
 * Withdraws a person's own decision; possible until the gate's first permit. An open gate stays open. An approved gate that loses its
 * quorum becomes `withdrawn` and does not reopen, because the workflow may already be about to apply the remedy; the next round diagnoses
 * again. Throws `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_CONFLICT`.
 */
export async function withdraw(
  { database, wakeWorkflow }: WithdrawDependencies,
  person: Person,
  request: WithdrawRequest,
): Promise<Withdrawn> {
  const result = await transaction(database, async (connection): Promise<Result> => {
    const { incident, gate } = await lockGate(connection, request.gate)
    const live = (await readDecisions(connection, gate.id)).filter((one) => one.withdrawnAt === null)
    const own = live.find((one) => one.person === person.name)
    const refusal = await refuse(connection, gate, own, person, incident.closed)
    if (refusal || !own) {
      const why = { gate: gate.id, decision: 'withdraw' as const, code: refusal!.code, why: refusal!.message }
      await recordRefusal(connection, incident.id, { actor: `person:${person.name}`, kind: 'denied', data: why })
      return { refused: refusal! }
    }
    await connection.query('UPDATE runbook.decisions SET withdrawn_at = clock_timestamp() WHERE jti = $1', [own.jti])
    const remaining = live.filter((one) => one !== own)
    const moved = await updateGate(connection, gate, remaining, person)
    const comment = request.comment || undefined
    const data = defined({ gate: gate.id, jti: own.jti, person: person.name, ...moved, comment })
    const place = formatPlace({ kind: 'withdrawal', round: gate.round, jti: own.jti })
    await recordEvents(connection, incident.id, [{ place, actor: `person:${person.name}`, kind: 'withdrawal', data }])
    return { withdrawn: { gate: gate.id, incident: incident.id, state: moved.state } }
  })
  if ('refused' in result) throw result.refused
  await wakeWorkflow(result.withdrawn.incident).catch(() => {})
  return result.withdrawn
}

/** Why the decision cannot be withdrawn; undefined if it can. Then `own`, the person's decision, is defined. */
async function refuse(
  connection: Connection,
  gate: GateRow,
  own: DecisionRow | undefined,
  person: Person,
  closed: boolean,
): Promise<RunbookError | undefined> {
  const conflict = (message: string) => new RunbookError('RUNBOOK_CONFLICT', `${gate.id}: ${message}`)
  if (!own)
    return new RunbookError(
      'RUNBOOK_NOT_ALLOWED',
      `${gate.id}: ${person.name} has no decision on this gate to withdraw`,
    )
  if (closed) return conflict('the incident is closed')
  if (gate.state !== 'open' && gate.state !== 'approved')
    return conflict(`the gate is ${gate.state} and its round is over: there is nothing to withdraw`)
  const permits = await connection.query<{ target: string }>(
    'SELECT target FROM runbook.permits WHERE gate = $1 ORDER BY issued_at',
    [gate.id],
  )
  if (permits.rows.length === 0) return undefined
  const targets = permits.rows.map((row) => row.target).join(', ')
  return conflict(
    `too late to withdraw: a permit was already issued for ${targets}. To stop before the next target, run "runbook cancel ${gate.incident}"`,
  )
}

/** Updates the gate to the state that it has without the withdrawn decision. */
async function updateGate(
  connection: Connection,
  gate: GateRow,
  remaining: DecisionRow[],
  person: Person,
): Promise<{ state: GateState; why?: string }> {
  if (gate.state === 'open') return { state: 'open' }
  const targets = approvedTargets(gate.proposal, remaining)
  if (targets.length > 0) {
    await connection.query('UPDATE runbook.gates SET approved_targets = $2 WHERE id = $1', [gate.id, targets])
    return { state: 'approved' }
  }
  const why = `${person.name} withdrew the approval`
  await connection.query(`UPDATE runbook.gates SET state = 'withdrawn', why = $2 WHERE id = $1`, [gate.id, why])
  return { state: 'withdrawn', why }
}
