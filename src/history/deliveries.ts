import type { NewEvent } from '../core/events.ts'
import { transaction, type Database, type Queryable } from './database.ts'
import { recordEvents } from './record.ts'

/** A message that a channel has not accepted yet. */
export interface Delivery {
  incident: string
  /** The place of the event that holds the message. */
  place: string
  channel: string
  /** The number of attempts so far, including one that is being made. */
  attempts: number
  /** The time since the first attempt. */
  sinceMs: number
}

/** A channel that did not accept the message of an event, and how long it asks to wait before the next attempt. */
export interface Undelivered {
  channel: string
  retryAfterMs: number | undefined
}

/** The pause after the first attempt; each further pause is twice as long, up to the longest. */
const FIRST_PAUSE_MS = 2_000
const MAX_PAUSE_MS = 60_000
/** An attempt that was claimed and not finished within this time belongs to a process that died. */
const ATTEMPT_MS = 30_000

/** Records that people were notified, with the channels that must be tried again. An event that was recorded before changes nothing. */
export async function recordNotification(
  database: Database,
  incident: string,
  event: NewEvent & { place: string },
  undelivered: Undelivered[],
): Promise<void> {
  await transaction(database, async (db) => {
    const [recorded] = await recordEvents(db, incident, [event])
    if (!recorded!.fresh || undelivered.length === 0) return
    await db.query(
      `INSERT INTO runbook.deliveries (incident, place, channel, next_at)
       SELECT $1, $2, channel, clock_timestamp() + pause * interval '1 millisecond'
       FROM unnest($3::text[], $4::float8[]) AS d (channel, pause)`,
      [
        incident,
        event.place,
        undelivered.map(({ channel }) => channel),
        undelivered.map(({ retryAfterMs }) => pauseAfter(1, retryAfterMs)),
      ],
    )
  })
}

/** Messages that a channel has not accepted yet, oldest first. */
export async function readPending(
  db: Queryable,
  limit: number,
): Promise<(Pick<Delivery, 'incident' | 'channel' | 'attempts'> & { since: Date })[]> {
  const found = await db.query<Pick<Delivery, 'incident' | 'channel' | 'attempts'> & { since: Date }>(
    'SELECT incident, channel, attempts, since FROM runbook.deliveries ORDER BY since LIMIT $1',
    [limit],
  )
  return found.rows
}

/** Claims the deliveries that are due, so that only one of several processes makes the next attempt. */
export async function claimDeliveries(database: Database, limit: number): Promise<Delivery[]> {
  const claimed = await database.query<Delivery>(
    `UPDATE runbook.deliveries d SET attempts = d.attempts + 1, next_at = clock_timestamp() + $1 * interval '1 millisecond'
     FROM (SELECT incident, place, channel FROM runbook.deliveries WHERE next_at <= clock_timestamp()
       ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
     WHERE d.incident = due.incident AND d.place = due.place AND d.channel = due.channel
     RETURNING d.incident, d.place, d.channel, d.attempts,
       round(extract(epoch FROM clock_timestamp() - d.since) * 1000)::float8 AS "sinceMs"`,
    [ATTEMPT_MS, limit],
  )
  return claimed.rows
}

/** Ends a delivery and records its result. The row decides: where another process ended it before, nothing is recorded. */
export async function endDelivery(database: Database, delivery: Delivery, result: string): Promise<void> {
  const { incident, place, channel, sinceMs } = delivery
  await transaction(database, async (db) => {
    const ended = await db.query(
      'DELETE FROM runbook.deliveries WHERE incident = $1 AND place = $2 AND channel = $3 RETURNING incident',
      [incident, place, channel],
    )
    if (ended.rowCount === 0) return
    const data = { of: place, channel, result, tookMs: sinceMs }
    await recordEvents(db, incident, [{ actor: 'engine', kind: 'delivery', data }])
  })
}

/** Sets the time of the next attempt. */
export async function postponeDelivery(
  database: Database,
  { incident, place, channel, attempts }: Delivery,
  retryAfterMs: number | undefined,
): Promise<void> {
  await database.query(
    `UPDATE runbook.deliveries SET next_at = clock_timestamp() + $4 * interval '1 millisecond'
     WHERE incident = $1 AND place = $2 AND channel = $3`,
    [incident, place, channel, pauseAfter(attempts, retryAfterMs)],
  )
}

function pauseAfter(attempts: number, retryAfterMs = 0): number {
  return Math.max(retryAfterMs, Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1)))
}
