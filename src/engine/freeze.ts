import { switchControl, readControls, FREEZE, type Control } from '../gate/controls.ts'
import { openDatabase, unreachable, type Database } from '../history/database.ts'
import { requireMigrated } from '../history/migrate.ts'
import { recordEvents } from '../history/record.ts'

export interface Frozen {
  /** False: it was so already. */
  turned: boolean
  /** The freeze that is on now; null: none. */
  freeze: Control | null
  /** In how many open incidents' histories it was recorded. */
  incidents: number
}

/** An incident that is busy just now does not hold the others up. */
const PATIENCE_MS = 1_000

/**
 * Turns the freeze on or off. Needs the engine's PostgreSQL and nothing else, so that it works when nothing else does: no API, no
 * Temporal, no configuration. In force when this returns: permits that were taken before are used up. Throws `RUNBOOK_BAD_INPUT`,
 * `RUNBOOK_UNREACHABLE`, `RUNBOOK_CONFIG`.
 */
export async function turnFreeze(
  databaseUrl: string,
  turn: { on: boolean; person: string; reason: string },
): Promise<Frozen> {
  const database = openDatabase(databaseUrl, { max: 1, name: 'runbook freeze' })
  try {
    await requireMigrated(database)
    const turned = await switchControl(database, { control: FREEZE, ...turn })
    const incidents = turned ? await tellOpenIncidents(database, turn) : 0
    const freeze = (await readControls(database)).find((one) => one.name === FREEZE) ?? null
    return { turned, freeze, incidents }
  } catch (error) {
    throw isConnectionError(error) ? unreachable(error) : error
  } finally {
    await database.end()
  }
}

/** For who reads an incident afterwards. The control and its own event are committed before, and do not depend on it. */
async function tellOpenIncidents(
  database: Database,
  { on, person, reason }: { on: boolean; person: string; reason: string },
): Promise<number> {
  await database.query(`SELECT set_config('lock_timeout', $1, false)`, [String(PATIENCE_MS)])
  const open = await database.query<{ id: string }>(
    'SELECT id FROM runbook.incidents WHERE closed_at IS NULL ORDER BY number',
  )
  const data = { control: FREEZE, on, person, reason }
  let told = 0
  for (const { id } of open.rows)
    await recordEvents(database, id, [{ actor: `person:${person}`, kind: 'control', data }]).then(
      () => (told += 1),
      () => undefined,
    )
  return told
}

function isConnectionError(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(E[A-Z]+|08...|57P0.|28...|3D000)$/.test(code)
}
