import { formatPlace } from '../core/place.ts'
import type { GateRow } from '../gate/gates.ts'
import { transaction, type Database } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'
import type { EffectPlace } from './record-effect.ts'

/**
 * Records that a manual step waits for a person from now on, and until when. The workflow asks many times whether the step is done;
 * only the first question is recorded, because the time limit counts from there.
 */
export async function askPerson(
  database: Database,
  { id, incident, round }: Pick<GateRow, 'id' | 'incident' | 'round'>,
  { action, target }: Omit<EffectPlace, 'gate'>,
  timeoutMs: number,
): Promise<void> {
  const asked = await database.query(
    'SELECT FROM runbook.manual_steps WHERE gate = $1 AND action = $2 AND target = $3',
    [id, action, target],
  )
  if (asked.rowCount === 1) return
  await transaction(database, async (db) => {
    const now = await db.query<{ since: Date; until: Date }>(
      `SELECT now() AS since, now() + $1 * interval '1 millisecond' AS until`,
      [timeoutMs],
    )
    const { since, until } = now.rows[0]!
    const [event] = await recordEvents(db, incident, [
      {
        place: formatPlace({ kind: 'manual', round, action, target }),
        actor: 'engine',
        kind: 'manual',
        data: { gate: id, action, target, until: until.toISOString() },
      },
    ])
    // If another process asked at the same moment, its event came first, and its transaction added the row.
    if (event!.fresh)
      await db.query(
        'INSERT INTO runbook.manual_steps (gate, action, target, since, until) VALUES ($1, $2, $3, $4, $5)',
        [id, action, target, since, until],
      )
  })
}
