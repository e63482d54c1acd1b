import { RunbookError } from '../core/errors.ts'
import type { Connection } from '../history/database.ts'
import { effectPlace, hasIntent, recordEffect, type EffectPlace } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'

/** How long after the last permit the ledger is read again. After this time the outcome is recorded as `unknown`. */
const ASK_AGAIN_MS = 10 * 60_000

/**
 * Records a refusal that this attempt found before it changed anything, for example a login that the server does not
 * accept. The refusal is correct only if no earlier attempt started, because an attempt that took a permit may have
 * applied the action and died before it recorded that. If there was an earlier attempt, this function throws, and the next attempt may find out what the earlier one did. After a while, or if only a person can find out, the effect becomes `unknown`.
 *
 * The permits are read while the incident is locked, as it is when a permit is issued. An attempt that gets its permit
 * later finds the refusal (`requestPermit`).
 */
export async function refuseUntried(request: EffectRequest, deps: EffectDeps, detail: string): Promise<EffectAnswer> {
  const place = effectPlace(request)
  try {
    const untried = async (connection: Connection) => {
      const earlier = await earlierAttempt(connection, place)
      if (earlier) throw new TriedBefore(earlier)
    }
    return { effect: await recordEffect(deps.database, { ...place, result: 'refused', detail }, untried) }
  } catch (error) {
    if (!(error instanceof TriedBefore)) throw error
    if (error.ageMs < ASK_AGAIN_MS)
      throw new RunbookError(
        'RUNBOOK_UNREACHABLE',
        `${detail}; an earlier attempt may have applied it, so its outcome must be read first; trying again`,
      )
    const unknown = `an attempt started; its outcome is unknown, and cannot be read: ${detail}. Check what the action did, then run "runbook settle"`
    return { effect: await recordEffect(deps.database, { ...place, result: 'unknown', detail: unknown }) }
  }
}

class TriedBefore extends Error {
  readonly ageMs: number
  constructor({ ageMs }: { ageMs: number }) {
    super('an earlier attempt started')
    this.ageMs = ageMs
  }
}

/**
 * The age of the last permit under which an earlier attempt may have applied this effect; undefined if there was no
 * such attempt. The age is infinite if an intent was recorded, because then there is no ledger to read.
 */
async function earlierAttempt(connection: Connection, place: EffectPlace): Promise<{ ageMs: number } | undefined> {
  if (await hasIntent(connection, place)) return { ageMs: Infinity }
  const { gate, action, target } = place
  // Only permits after the last effect on this target count. Each action starts after the one before it is recorded, so
  // an earlier permit belongs to an earlier action.
  const found = await connection.query<{ ageMs: number }>(
    `SELECT extract(epoch FROM clock_timestamp() - coalesce(p.renewed_at, p.issued_at))::float8 * 1000 AS "ageMs"
     FROM runbook.permits p WHERE p.gate = $1 AND p.target = $2 AND NOT EXISTS (
       SELECT FROM runbook.effects e WHERE e.gate = p.gate AND e.target = p.target AND e.action <> $3
         AND e.at > coalesce(p.renewed_at, p.issued_at))`,
    [gate, target, action],
  )
  return found.rows[0]
}
