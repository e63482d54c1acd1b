import { defined } from '../core/defined.ts'
import type { Effect, EffectResult } from '../core/effect.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { formatPlace } from '../core/place.ts'
import { widenedGroups } from '../gate/eligible.ts'
import { lockGate, type GateRow } from '../gate/gates.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordRefusal } from '../gate/tallies.ts'
import { recordEvents } from '../history/record.ts'
import { storedEffect, type EffectPlace } from './record-effect.ts'

export interface SettleRequest extends EffectPlace {
  result: Extract<EffectResult, 'applied' | 'refused'>
  /** How the person found out the outcome. */
  comment: string
}

/** The result of the transaction: a refusal is committed with its event before it is thrown. */
type Settled = { effect: Effect } | { refused: RunbookError }

/**
 * Settles an `unknown` effect: a person has checked what happened, and reports it. This is possible even after the
 * incident has closed. Members of the groups that decide on the gate and of the groups in `escalate.to` may do it.
 * Throws `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_CONFLICT`.
 */
export async function settleUnknown(database: Database, person: Person, request: SettleRequest): Promise<Effect> {
  const { gate: id, action, target, result, comment } = request
  const place: EffectPlace = { gate: id, action, target }
  const settled = await transaction(database, async (connection): Promise<Settled> => {
    const { incident, gate } = await lockGate(connection, id)
    const actor = `person:${person.name}`
    const stored = await storedEffect(connection, place)
    const refused = refuse(gate, stored, person) ?? (stored ? undefined : await noSuchEffect(connection, place))
    if (refused) {
      const data = { gate: id, decision: 'settle' as const, code: refused.code, why: refused.message }
      await recordRefusal(connection, incident.id, { actor, kind: 'denied', data })
      return { refused }
    }
    const detail = `${person.name} settled it: ${comment}`
    await connection.query(
      `UPDATE runbook.effects SET result = $4, detail = $5, at = clock_timestamp() WHERE gate = $1 AND action = $2 AND target = $3`,
      [id, action, target, result, detail],
    )
    const data = defined({ ...place, result, detail, comment, observed: stored?.observed })
    const at = formatPlace({ kind: 'settled', round: gate.round, action, target })
    await recordEvents(connection, incident.id, [{ place: at, actor, kind: 'settled', data }])
    return { effect: { ...stored!, result, detail } }
  })
  if ('refused' in settled) throw settled.refused
  return settled.effect
}

function refuse(gate: GateRow, stored: Effect | undefined, person: Person): RunbookError | undefined {
  const groups = widenedGroups(gate.proposal.approval)
  if (!person.groups.some((group) => groups.includes(group)))
    return new RunbookError(
      'RUNBOOK_NOT_ALLOWED',
      `${gate.id}: ${person.name} is in none of the groups that may settle effects of this gate: ${groups.join(', ')}`,
    )
  if (stored && stored.result !== 'unknown')
    return new RunbookError(
      'RUNBOOK_CONFLICT',
      `${gate.id}: ${stored.action} on ${stored.target} is ${stored.result}: only unknown effects can be settled`,
    )
  return undefined
}

async function noSuchEffect(connection: Connection, { gate, action, target }: EffectPlace): Promise<RunbookError> {
  const found = await connection.query<{ name: string }>(
    `SELECT action || '/' || target AS name FROM runbook.effects WHERE gate = $1 AND result = 'unknown' ORDER BY 1`,
    [gate],
  )
  const unknown = found.rows.map((row) => row.name).join(', ') || 'none'
  return new RunbookError('RUNBOOK_NOT_FOUND', `${gate}: no effect ${action}/${target}. Unknown effects: ${unknown}`)
}
