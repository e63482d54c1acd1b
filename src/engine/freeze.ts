import { switchControl, readControls, FREEZE, type Control } from '../gate/controls.ts'
import { openDatabase, unreachable, type Database } from '../history/database.ts'
import { requireMigrated } from '../history/migrate.ts'
import { recordEvents } from '../history/record.ts'

export interface Frozen {
  /** False: the freeze was already in that state. */
  turned: boolean
  /** The freeze that is on now; null if it is off. */
  freeze: Control | null
  /** The number of open incidents whose history records this. */
  incidents: number
}

/** A locked incident must not delay the others. */
const LOCK_TIMEOUT_MS = 1_000

/**
 * Turns the freeze on or off. It needs only the engine's PostgreSQL: no API, no Temporal, no configuration. The freeze is in force
 * when this returns: earlier permits are used up. Throws `RUNBOOK_BAD_INPUT`, `RUNBOOK_UNREACHABLE`, `RUNBOOK_CONFIG`.
 */
export async function turnFreeze(
  databaseUrl: string,
  turn: { on: boolean; person: string; reason: string },
): Promise<Frozen> {
  const database = openDatabase(databaseUrl, { max: 1, name: 'runbook freeze' })
  try {
    await requireMigrated(database)
    const turned = await switchControl(database, { control: FREEZE, ...turn })
    const incidents = turned ? await recordInOpenIncidents(database, turn) : 0
    const freeze = (await readControls(database)).find((one) => one.name === FREEZE) ?? null
    return { turned, freeze, incidents }
  } catch (error) {
    throw isConnectionError(error) ? unreachable(error) : error
  } finally {
    await database.end()
  }
}

/** Records the freeze for readers of each incident. The control and its own event are already committed and do not depend on this. */
async function recordInOpenIncidents(
  database: Database,
  { on, person, reason }: { on: boolean; person: string; reason: string },
): Promise<number> {
  await database.query(`SELECT set_config('lock_timeout', $1, false)`, [String(LOCK_TIMEOUT_MS)])
  const open = await database.query<{ id: string }>(
    'SELECT id FROM runbook.incidents WHERE closed_at IS NULL ORDER BY number',
  )
  const data = { control: FREEZE, on, person, reason }
  let recorded = 0
  for (const { id } of open.rows)
    await recordEvents(database, id, [{ actor: `person:${person}`, kind: 'control', data }]).then(
      () => (recorded += 1),
      () => undefined,
    )
  return recorded
}

function isConnectionError(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(E[A-Z]+|08...|57P0.|28...|3D000)$/.test(code)
}
