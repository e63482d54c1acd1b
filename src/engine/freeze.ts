import { setTimeout as sleep } from 'node:timers/promises'
import { canonical } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { switchControl, readControls, FREEZE, type Control } from '../gate/controls.ts'
import { permitsInFlight, type PermitInFlight } from '../gate/permits-in-flight.ts'
import { ADVISORY_LOCKS, holdersOf } from '../history/advisory-locks.ts'
import { limits, openDatabase, statement, transaction, unreachable, type Database } from '../history/database.ts'
import { requireMigrated } from '../history/migrate.ts'

export interface Frozen {
  /** False: the freeze was already in that state. */
  turned: boolean
  /** The freeze that is on now; null if it is off. */
  freeze: Control | null
  /** The number of open incidents whose history records this. */
  incidents: number
  /** Permits that were granted before the freeze and may still lead to an effect. */
  inFlight: PermitInFlight[]
  /** Sessions of the engine that stopped while they took a permit: they were ended, so they get none. */
  ended: number
}

const ANSWER_TIMEOUT_MS = 5_000
/** A permit takes milliseconds. A session that needs longer has stopped, and is ended. */
const PERMIT_TIMEOUT_MS = 500
/** For the records in the incidents' histories. A locked incident must not delay the others or the command. */
const RECORD_TIMEOUT_MS = 500
const RECORD_POLL_MS = 50
const RECORD_BATCH = 200

/**
 * Turns the freeze on or off. It needs only the engine's PostgreSQL: no API, no Temporal, no configuration. The freeze is in force
 * when this returns: no permit is granted any more. Throws `RUNBOOK_BAD_INPUT`, `RUNBOOK_UNREACHABLE`, `RUNBOOK_CONFIG`.
 */
export async function turnFreeze(
  databaseUrl: string,
  turn: { on: boolean; person: string; reason: string },
): Promise<Frozen> {
  const database = openDatabase(databaseUrl, { max: 1, name: 'runbook freeze', answerMs: ANSWER_TIMEOUT_MS })
  try {
    await requireMigrated(database)
    const { turned, ended } = await switchFreeze(database, turn)
    const incidents = turned ? await recordInOpenIncidents(database, turn) : 0
    const freeze = (await readControls(database)).find((one) => one.name === FREEZE) ?? null
    const inFlight = freeze ? await permitsInFlight(database) : []
    return { turned, freeze, incidents, inFlight, ended }
  } catch (error) {
    throw isConnectionError(error) ? unreachable(error) : error
  } finally {
    await database.end()
  }
}

/**
 * Switches the control. It waits for permits that are just being granted, and ends the sessions that stopped meanwhile: a worker that
 * was suspended, or whose host vanished.
 */
async function switchFreeze(
  database: Database,
  turn: { on: boolean; person: string; reason: string },
): Promise<{ turned: boolean; ended: number }> {
  const attempt = () =>
    transaction(database, async (connection) => {
      await connection.query(limits(ANSWER_TIMEOUT_MS, ANSWER_TIMEOUT_MS, PERMIT_TIMEOUT_MS))
      return switchControl(connection, { control: FREEZE, ...turn })
    })
  try {
    return { turned: await attempt(), ended: 0 }
  } catch (error) {
    if (!isLockTimeout(error)) throw error
  }
  const ended = await endHolders(database)
  try {
    return { turned: await attempt(), ended }
  } catch (error) {
    if (isLockTimeout(error)) throw await blocked(database, error)
    throw error
  }
}

async function blocked(database: Database, cause: unknown): Promise<RunbookError> {
  const pids = await holdersOf(database, ADVISORY_LOCKS.controls)
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the freeze was not switched: sessions of other roles take permits and do not end. End them as a superuser: SELECT pg_terminate_backend(pid), pid ${pids.join(', ')}`,
    { pids },
    cause,
  )
}

/** Ends the sessions that hold the controls' lock, and returns how many. Their transactions are rolled back. */
async function endHolders(database: Database): Promise<number> {
  const holders = await holdersOf(database, ADVISORY_LOCKS.controls)
  let ended = 0
  for (const pid of holders)
    await statement(database, (connection) =>
      connection.query<{ ended: boolean }>('SELECT pg_terminate_backend($1) AS ended', [pid]),
    ).then(
      ({ rows }) => (ended += rows[0]!.ended ? 1 : 0),
      // A session of another role, which this role may not end: the next attempt waits for it once more.
      () => {},
    )
  return ended
}

/** Records the freeze for readers of each incident. The control and its own event are already committed and do not depend on this. */
async function recordInOpenIncidents(
  database: Database,
  { on, person, reason }: { on: boolean; person: string; reason: string },
): Promise<number> {
  const data = { control: FREEZE, on, person, reason }
  const event = canonical({ actor: `person:${person}`, kind: 'control', data } as unknown as Json)
  const until = performance.now() + RECORD_TIMEOUT_MS
  const recorded: string[] = []
  try {
    do {
      const batch = await recordBatch(database, event, recorded)
      recorded.push(...batch)
      if (batch.length === 0 && !(await hasOthers(database, recorded))) break
      // The rest is locked, usually for milliseconds.
      if (batch.length === 0) await sleep(RECORD_POLL_MS)
    } while (performance.now() < until)
  } catch {
    // The freeze is in force; an incident's history may lack it.
  }
  return recorded.length
}

/** Records the event in open incidents that nobody has locked, and returns their ids. */
async function recordBatch(database: Database, event: string, done: string[]): Promise<string[]> {
  return transaction(database, async (connection) => {
    await connection.query(limits(RECORD_TIMEOUT_MS))
    const found = await connection.query<{ id: string }>(
      `WITH free AS MATERIALIZED (
         SELECT id FROM runbook.incidents WHERE closed_at IS NULL AND id <> ALL ($1) ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED)
       SELECT free.id FROM free, LATERAL runbook.append_events(free.id, ARRAY[NULL]::text[], ARRAY[$3]::text[])`,
      [done, RECORD_BATCH, event],
    )
    return found.rows.map(({ id }) => id)
  })
}

async function hasOthers(database: Database, done: string[]): Promise<boolean> {
  const found = await database.query(
    'SELECT FROM runbook.incidents WHERE closed_at IS NULL AND id <> ALL ($1) LIMIT 1',
    [done],
  )
  return found.rowCount === 1
}

function isLockTimeout(error: unknown): boolean {
  return (error as { code?: unknown }).code === '55P03'
}

function isConnectionError(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(E[A-Z]+|08...|53...|57P0.|57014|55P03|28...|3D000)$/.test(code)
}
