import type { GateState } from '../core/decision.ts'
import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { formatPlace } from '../core/place.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'
import type { WithdrawRequest } from './decision-schema.ts'
import { approvedTargets, lockGate, readDecisions, type DecisionRow, type GateRow } from './gates.ts'

export interface WithdrawDependencies {
  database: Database
  /** Tells the incident's workflow to look at its gate. A ring that is lost is rung again by the reconciler. */
  wakeWorkflow(incident: string): Promise<void>
}

export interface Withdrawn {
  gate: string
  incident: string
  state: GateState
}

/** What the transaction found: a refusal is committed with its event before it is thrown. */
type Taken = { withdrawn: Withdrawn } | { refused: RunbookError }

/**
 * Takes a person's own decision back, until the gate's first permit. Below the quorum the gate stays open; an approved gate whose
 * quorum is lost is `withdrawn`: the workflow may be on its way to apply, and its next round looks afresh. Throws
 * `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_CONFLICT`.
 */
export async function withdraw(
  { database, wakeWorkflow }: WithdrawDependencies,
  person: Person,
  request: WithdrawRequest,
): Promise<Withdrawn> {
  const taken = await transaction(database, async (connection): Promise<Taken> => {
    const { incident, gate } = await lockGate(connection, request.gate)
    const live = (await readDecisions(connection, gate.id)).filter((one) => one.withdrawnAt === null)
    const own = live.find((one) => one.person === person.name)
    const refusal = await refuse(connection, gate, own, person, incident.closed)
    if (refusal || !own) {
      const why = { gate: gate.id, decision: 'withdraw' as const, code: refusal!.code, why: refusal!.message }
      await recordEvents(connection, incident.id, [{ actor: `person:${person.name}`, kind: 'denied', data: why }])
      return { refused: refusal! }
    }
    await connection.query('UPDATE runbook.decisions SET withdrawn_at = clock_timestamp() WHERE jti = $1', [own.jti])
    const state = await moveGate(
      connection,
      gate,
      live.filter((one) => one !== own),
      person,
    )
    const comment = request.comment || undefined
    const data = defined({ gate: gate.id, jti: own.jti, person: person.name, state, comment })
    const place = formatPlace({ kind: 'withdrawal', round: gate.round, jti: own.jti })
    await recordEvents(connection, incident.id, [{ place, actor: `person:${person.name}`, kind: 'withdrawal', data }])
    return { withdrawn: { gate: gate.id, incident: incident.id, state } }
  })
  if ('refused' in taken) throw taken.refused
  await wakeWorkflow(taken.withdrawn.incident).catch(() => {})
  return taken.withdrawn
}

/** Why it cannot be taken back; undefined when it can, and then there is a decision of this person's. */
async function refuse(
  connection: Connection,
  gate: GateRow,
  own: DecisionRow | undefined,
  person: Person,
  closed: boolean,
): Promise<RunbookError | undefined> {
  const conflict = (message: string) => new RunbookError('RUNBOOK_CONFLICT', `${gate.id}: ${message}`)
  if (!own)
    return new RunbookError('RUNBOOK_NOT_ALLOWED', `${gate.id}: ${person.name} has no decision here to take back`)
  if (closed) return conflict('the incident is closed')
  if (gate.state !== 'open' && gate.state !== 'approved')
    return conflict(`is ${gate.state}, and its round is over: nothing is left to take back`)
  const permits = await connection.query<{ target: string }>(
    'SELECT target FROM runbook.permits WHERE gate = $1 ORDER BY issued_at',
    [gate.id],
  )
  if (permits.rows.length === 0) return undefined
  const targets = permits.rows.map((row) => row.target).join(', ')
  return conflict(`too late for these targets: ${targets}; "runbook cancel ${gate.incident}" stops before the next one`)
}

async function moveGate(
  connection: Connection,
  gate: GateRow,
  left: DecisionRow[],
  person: Person,
): Promise<GateState> {
  if (gate.state === 'open') return 'open'
  const targets = approvedTargets(gate.proposal, left)
  if (targets.length > 0) {
    await connection.query('UPDATE runbook.gates SET approved_targets = $2 WHERE id = $1', [gate.id, targets])
    return 'approved'
  }
  const why = `${person.name} took the approval back`
  await connection.query(`UPDATE runbook.gates SET state = 'withdrawn', why = $2 WHERE id = $1`, [gate.id, why])
  return 'withdrawn'
}
