import type { EffectResult } from '../../core/effect.ts'
import { gateId } from '../../core/incident.ts'
import { formatPlace } from '../../core/place.ts'
import type { Queryable } from '../../history/database.ts'
import type { IncidentRow } from '../../history/incidents.ts'

/** The round of a message that says that a remedy was applied; undefined for a message about anything else. */
export function roundOfApplied(place: string): number | undefined {
  const round = /^r([1-9]\d*)\/applied$/.exec(place)?.[1]
  return round === undefined ? undefined : Number(round)
}

/** Whether all effects of this round are recorded, so that nothing more will be applied in it. */
export async function isApplied(
  db: Queryable,
  { id, state }: Pick<IncidentRow, 'id' | 'state'>,
  round: number,
): Promise<boolean> {
  if (state === 'verifying') return true
  const found = await db.query<{ over: boolean }>(
    `SELECT EXISTS (SELECT FROM runbook.events WHERE incident = $1 AND place = ANY ($2))
       OR EXISTS (SELECT FROM runbook.gates WHERE incident = $1 AND round > $3) AS over`,
    [id, [formatPlace({ kind: 'verified', round }), formatPlace({ kind: 'stopped', round })], round],
  )
  return found.rows[0]!.over
}

/** The number of effects of a round with each result, such as `2 applied, 1 refused`. */
export async function countEffects(db: Queryable, incident: string, round: number): Promise<string> {
  const found = await db.query<{ result: EffectResult; count: number }>(
    'SELECT result, count(*)::integer AS count FROM runbook.effects WHERE gate = $1 GROUP BY result ORDER BY result',
    [gateId(incident, round)],
  )
  return found.rows.map(({ result, count }) => `${count} ${result}`).join(', ')
}
