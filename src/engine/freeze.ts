import { setTimeout as sleep } from 'node:timers/promises'
import { canonical } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { switchControl, readControls, FREEZE, type Control } from '../gate/controls.ts'
import { permitsInFlight, type PermitInFlight } from '../gate/permits-in-flight.ts'
import {
  ADVISORY_LOCKS,
  controlChangers,
  holdersOf,
  lockExclusively,
  type LockHolder,
} from '../history/advisory-locks.ts'
import {
  limits,
  openDatabase,
  statement,
  transaction,
  unreachable,
  type Connection,
  type Database,
} from '../history/database.ts'
import { requireMigrated } from '../history/migrate.ts'

export interface Frozen {
  /** False if the freeze was already in the wanted state. */
  turned: boolean
  /** The freeze that is on now; null if it is off. */
  freeze: Control | null
  /** The number of open incidents in whose history this change was recorded. */
  incidents: number
  /** Permits that were granted before the freeze and may still lead to an effect. */
  inFlight: PermitInFlight[]
  /**
   * The number of the engine's database sessions that stopped while they took a permit. They were ended, so they get no
   * permit.
   */
  ended: number
  /**
   * Database sessions that were taking a permit when the freeze was switched on, and that neither finished nor could be ended. Each of them
   * may still get the one permit that it asked for.
   */
  unseen: LockHolder[]
}

const ANSWER_TIMEOUT_MS = 5_000
/** Taking a permit or changing a control takes milliseconds. A session that needs longer than this no longer works, and is ended. */
const STOPPED_AFTER_MS = 400
/**
 * The time limit for recording the freeze in the histories of all open incidents. A locked incident must delay neither
 * the others nor the command.
 */
const RECORD_TIMEOUT_MS = 500
const RECORD_POLL_MS = 50
const RECORD_BATCH = 200
/** How many changes of one person are recorded in the history of one incident. The chain of the controls has all of them. */
const RECORDED_PER_PERSON = 50

/**
 * Turns the freeze on or off. It needs only the engine's PostgreSQL: no API, no Temporal, no configuration. When this returns, no permit
 * is granted any more, except to the sessions in `unseen`. Throws `RUNBOOK_BAD_INPUT`, `RUNBOOK_UNREACHABLE`, `RUNBOOK_CONFIG`.
 */
export async function turnFreeze(
  databaseUrl: string,
  turn: { on: boolean; person: string; reason: string },
): Promise<Frozen> {
  const database = openDatabase(databaseUrl, { max: 1, name: 'runbook freeze', answerMs: ANSWER_TIMEOUT_MS })
  try {
    await requireMigrated(database)
    const turned = await switchFreeze(database, turn)
    const { ended, unseen } = turn.on ? await awaitPermits(database) : { ended: 0, unseen: [] }
    const incidents = turned ? await recordInOpenIncidents(database, turn) : 0
    const freeze = (await readControls(database)).find((one) => one.name === FREEZE) ?? null
    const inFlight = freeze ? await permitsInFlight(database) : []
    return { turned, freeze, incidents, inFlight, ended, unseen }
  } catch (error) {
    throw isConnectionError(error) ? unreachable(error) : error
  } finally {
    await database.end()
  }
}

/** Commits the control: every permit that is asked for from now on sees it. Permits that are being granted do not delay it. */
async function switchFreeze(
  database: Database,
  turn: { on: boolean; person: string; reason: string },
): Promise<boolean> {
  const attempt = () => brief(database, (connection) => switchControl(connection, { control: FREEZE, ...turn }))
  try {
    return await attempt()
  } catch (error) {
    if (!isLockTimeout(error)) throw error
  }
  await endSessions(database, await controlChangers(database))
  try {
    return await attempt()
  } catch (error) {
    if (isLockTimeout(error)) throw blocked(await controlChangers(database), error)
    throw error
  }
}

function blocked(holders: LockHolder[], cause: unknown): RunbookError {
  const pids = holders.map(({ pid }) => pid)
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the freeze was not turned on or off: sessions of other roles are changing a control and have not ended. End them as a superuser: SELECT pg_terminate_backend(pid), pid ${pids.join(', ')}`,
    { pids },
    cause,
  )
}

/**
 * Waits for the permits that were being granted when the control was committed. Sessions that do not finish are ended: they belong to a
 * worker that was suspended, or whose host vanished. Sessions that cannot be ended are returned as `unseen`.
 */
async function awaitPermits(database: Database): Promise<Pick<Frozen, 'ended' | 'unseen'>> {
  const isOver = () =>
    brief(database, (connection) => lockExclusively(connection, ADVISORY_LOCKS.controls)).then(
      () => true,
      (error: unknown) => {
        if (isLockTimeout(error)) return false
        throw error
      },
    )
  // Only the sessions that hold the lock now may have missed the control. Sessions that ask for a permit later see it.
  const before = await holdersOf(database, ADVISORY_LOCKS.controls)
  if (before.length === 0 || (await isOver())) return { ended: 0, unseen: [] }
  const ended = await endSessions(database, before)
  if (await isOver()) return { ended, unseen: [] }
  const left = await holdersOf(database, ADVISORY_LOCKS.controls)
  return { ended, unseen: left.filter(({ pid }) => before.some((one) => one.pid === pid)) }
}

/** Runs `work` in a transaction with short time limits for locks and statements. */
function brief<T>(database: Database, work: (connection: Connection) => Promise<T>): Promise<T> {
  return transaction(database, async (connection) => {
    await connection.query(limits(ANSWER_TIMEOUT_MS, ANSWER_TIMEOUT_MS, STOPPED_AFTER_MS))
    return work(connection)
  })
}

/** Ends database sessions and returns how many were ended. Their transactions are rolled back. */
async function endSessions(database: Database, sessions: LockHolder[]): Promise<number> {
  let ended = 0
  for (const { pid } of sessions)
    await statement(database, (connection) =>
      connection.query<{ ended: boolean }>('SELECT pg_terminate_backend($1) AS ended', [pid]),
    ).then(
      ({ rows }) => (ended += rows[0]!.ended ? 1 : 0),
      // The session belongs to a role whose sessions this role may not end. The next attempt waits for this session again.
      () => {},
    )
  return ended
}

/**
 * Records the freeze in the history of each open incident. The control and the control's own event are already committed and do not depend
 * on these records.
 */
async function recordInOpenIncidents(
  database: Database,
  { on, person, reason }: { on: boolean; person: string; reason: string },
): Promise<number> {
  const data = { control: FREEZE, on, person, reason }
  const event = canonical({ actor: `person:${person}`, kind: 'control', data } as unknown as Json)
  const until = performance.now() + RECORD_TIMEOUT_MS
  const seen: string[] = []
  let recorded = 0
  try {
    do {
      const batch = await recordBatch(database, person, event, seen)
      seen.push(...batch.map(({ id }) => id))
      recorded += batch.filter(({ isRecorded }) => isRecorded).length
      if (batch.length === 0 && !(await hasOthers(database, seen))) break
      // The remaining incidents are locked, usually for milliseconds.
      if (batch.length === 0) await sleep(RECORD_POLL_MS)
    } while (performance.now() < until)
  } catch {
    // The freeze is in force even if this fails. Only the record in the history of an incident may be missing.
  }
  return recorded
}

/**
 * Records the event in the open incidents whose rows are not locked, and returns these incidents. An incident in which the person's changes
 * were recorded too often gets no event: somebody who turns the freeze on and off again and again must not fill the histories.
 */
async function recordBatch(
  database: Database,
  person: string,
  event: string,
  done: string[],
): Promise<{ id: string; isRecorded: boolean }[]> {
  return transaction(database, async (connection) => {
    await connection.query(limits(RECORD_TIMEOUT_MS))
    const found = await connection.query<{ id: string; isRecorded: boolean }>(
      `WITH free AS MATERIALIZED (
         SELECT id FROM runbook.incidents WHERE closed_at IS NULL AND id <> ALL ($1) ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED),
       counted AS (
         INSERT INTO runbook.tallies AS t (incident, actor, what, count) SELECT id, $4, 'freezes', 1 FROM free
         ON CONFLICT (incident, actor, what) DO UPDATE SET count = t.count + 1 RETURNING incident, count)
       SELECT incident AS id, CASE WHEN count > $5 THEN false
         ELSE (SELECT count(*) > 0 FROM runbook.append_events(incident, ARRAY[NULL]::text[], ARRAY[$3]::text[])) END AS "isRecorded"
       FROM counted`,
      [done, RECORD_BATCH, event, `person:${person}`, RECORDED_PER_PERSON],
    )
    return found.rows
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
