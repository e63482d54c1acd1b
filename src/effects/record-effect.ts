import { canonical } from '../core/canonical.ts'
import { defined } from '../core/defined.ts'
import type { Effect, EffectResult } from '../core/effect.ts'
import { RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { formatPlace } from '../core/place.ts'
import { transaction, type Connection, type Database, type Queryable } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'
import type { EffectRequest } from './request.ts'
import { storableText, storableObject } from './storable-value.ts'

/**
 * The time limit of the transaction that records an effect. It is shorter than the limit of the target's transaction (time-limits.ts), so a
 * process that is suspended while it records loses this transaction before the target's transaction.
 */
const IDLE_TIMEOUT_MS = 2_000

/** The recorded effect of this action on this target; undefined when there is none. */
export async function storedEffect(db: Queryable, place: EffectPlace): Promise<Effect | undefined> {
  const found = await db.query<EffectRow>(
    'SELECT gate, action, target, result, detail, observed FROM runbook.effects WHERE gate = $1 AND action = $2 AND target = $3',
    [place.gate, place.action, place.target],
  )
  return found.rows[0] && effectOf(found.rows[0])
}

/** All recorded effects under a gate. */
export async function readEffects(db: Queryable, gate: string): Promise<Effect[]> {
  const found = await db.query<EffectRow>(
    'SELECT gate, action, target, result, detail, observed FROM runbook.effects WHERE gate = $1',
    [gate],
  )
  return found.rows.map(effectOf)
}

type EffectRow = EffectPlace & { result: EffectResult; detail: string; observed: string | null }

function effectOf({ observed, ...row }: EffectRow): Effect {
  return defined({ ...row, observed: observed === null ? undefined : (JSON.parse(observed) as JsonObject) })
}

/** The key of an effect. */
export type EffectPlace = Pick<Effect, 'gate' | 'action' | 'target'>

export function effectPlace(request: EffectRequest): EffectPlace {
  return { gate: request.gate, action: request.action.id, target: request.action.target }
}

/**
 * Records an effect and its event in one transaction, and returns the stored effect: the first write wins.
 *
 * `assertValid` runs just before the commit, while the incident is locked, and throws when the result must not be recorded: for a
 * refusal, when the target's lock on this effect was lost, or when an earlier attempt started. Without this check, a refusal could be recorded while another attempt applies the action.
 */
export async function recordEffect(
  database: Database,
  given: Effect,
  assertValid?: (connection: Connection) => Promise<void>,
): Promise<Effect> {
  const effect = storable(given)
  const { gate, action, target } = effect
  return transaction(database, async (connection) => {
    await connection.query(`SELECT set_config('idle_in_transaction_session_timeout', $1, true)`, [
      String(IDLE_TIMEOUT_MS),
    ])
    const { incident, round } = await lockIncident(connection, gate)
    const inserted = await connection.query(
      `INSERT INTO runbook.effects (gate, action, target, result, detail, observed) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT DO NOTHING`,
      [gate, action, target, effect.result, effect.detail, effect.observed ? canonical(effect.observed) : null],
    )
    if (inserted.rowCount === 0) return (await storedEffect(connection, { gate, action, target }))!
    const { result, detail, observed } = effect
    await recordEvents(connection, incident, [
      {
        place: formatPlace({ kind: 'effect', round, action, target }),
        actor: 'engine',
        kind: 'effect',
        data: defined({ gate, action, target, result, detail, observed }),
      },
    ])
    await assertValid?.(connection)
    return effect
  })
}

/**
 * The effect without characters that cannot be stored. The output of a command or service may contain such characters,
 * and an effect that cannot be stored would be tried again for ever.
 */
function storable(effect: Effect): Effect {
  const detail = storableText(effect.detail)
  return effect.observed ? { ...effect, detail, observed: storableObject(effect.observed) } : { ...effect, detail }
}

/** Locks the gate's incident, because every transaction locks the incident before its other rows. */
async function lockIncident(connection: Connection, gate: string): Promise<{ incident: string; round: number }> {
  const found = await connection.query<{ incident: string; round: number }>(
    `SELECT g.incident, g.round FROM runbook.gates g JOIN runbook.incidents i ON i.id = g.incident WHERE g.id = $1
     FOR UPDATE OF i`,
    [gate],
  )
  const row = found.rows[0]
  if (!row) throw new RunbookError('RUNBOOK_NOT_FOUND', `no gate ${gate}`)
  return row
}

/** Whether an earlier attempt without a ledger started this effect. */
export async function hasIntent(db: Queryable, place: EffectPlace): Promise<boolean> {
  const found = await db.query('SELECT 1 FROM runbook.intents WHERE gate = $1 AND action = $2 AND target = $3', [
    place.gate,
    place.action,
    place.target,
  ])
  return found.rowCount === 1
}

/** Records that this effect is about to start. Returns false if an earlier attempt recorded it already. */
export async function recordIntent(db: Queryable, place: EffectPlace): Promise<boolean> {
  const inserted = await db.query(
    'INSERT INTO runbook.intents (gate, action, target) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [place.gate, place.action, place.target],
  )
  return inserted.rowCount === 1
}
