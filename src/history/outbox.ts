import { ADVISORY_LOCKS, tryExclusively } from './advisory-locks.ts'
import { transaction, type Connection, type Database, type Queryable } from './database.ts'
import { recordEvents } from './record.ts'

/** An event of an incident for which messages may have to be sent. */
export interface Announced {
  incident: string
  /** The event's place; `r<round>/applied` stands for all effects of the round. */
  place: string
}

/** One message for one channel. */
export interface Delivery extends Announced {
  channel: string
  /** The number of attempts so far, including the attempt that is running. */
  attempts: number
  /** How long ago the event happened. */
  sinceMs: number
  /** Whether there is no new message, and only earlier messages are updated. */
  quiet: boolean
}

/**
 * The channels that get a message about an event: the channels in `to`. The channels in `quiet` only have earlier messages that are
 * updated. `not yet`: the channels cannot be determined now.
 */
export type Recipients = { to: string[]; quiet?: string[]; unreachable?: { name: string; why: string }[] } | 'not yet'

/** An event whose recipients are not known yet is read again after this time. */
const LATER_MS = 3_000
/** If an attempt was claimed and has not ended within this time, the process that made it died. */
const ATTEMPT_MS = 30_000
/** The pause after the first attempt. Each further pause is twice as long, up to the maximum. */
const FIRST_PAUSE_MS = 2_000
const MAX_PAUSE_MS = 300_000
/** Versions before this table existed made an attempt at least once a minute while they ran. */
const ABANDONED_MS = 120_000

/**
 * Finds the channels for the waiting events, in the order of the events, and stores one message for each channel. Only one process does
 * this at a time. Returns how many events were read.
 */
export async function routeEvents(
  database: Database,
  limit: number,
  recipientsOf: (db: Connection, event: Announced) => Promise<Recipients>,
): Promise<number> {
  return transaction(database, async (db) => {
    if (!(await tryExclusively(db, ADVISORY_LOCKS.outbox))) return 0
    await adoptOldDeliveries(db)
    const waiting = await db.query<Announced>(
      'SELECT incident, place FROM runbook.outbox_events WHERE next_at <= clock_timestamp() ORDER BY number LIMIT $1',
      [limit],
    )
    for (const event of waiting.rows) await route(db, event, await recipientsOf(db, event))
    return waiting.rows.length
  })
}

async function route(db: Connection, { incident, place }: Announced, recipients: Recipients): Promise<void> {
  if (recipients === 'not yet') {
    await db.query(
      `UPDATE runbook.outbox_events SET next_at = clock_timestamp() + $3 * interval '1 millisecond'
       WHERE incident = $1 AND place = $2`,
      [incident, place, LATER_MS],
    )
    return
  }
  const { to, quiet = [] } = recipients
  await db.query(
    `INSERT INTO runbook.outbox (incident, place, channel, quiet)
     SELECT $1, $2, channel, channel <> ALL ($4) FROM unnest($3::text[]) AS c (channel) ON CONFLICT DO NOTHING`,
    [incident, place, [...new Set([...to, ...quiet])], to],
  )
  await db.query('DELETE FROM runbook.outbox_events WHERE incident = $1 AND place = $2', [incident, place])
  for (const { name, why } of recipients.unreachable ?? []) {
    const data = { of: place, channel: name, result: `not delivered: ${why}`, tookMs: 0 }
    await recordEvents(db, incident, [{ actor: 'engine', kind: 'delivery', data }])
  }
}

/** Takes over the messages of an older version whose processes no longer run. */
async function adoptOldDeliveries(db: Connection): Promise<void> {
  await db.query(
    `WITH old AS (DELETE FROM runbook.deliveries WHERE next_at < clock_timestamp() - $1 * interval '1 millisecond'
       RETURNING incident, place, channel, since, attempts)
     INSERT INTO runbook.outbox (incident, place, channel, since, attempts)
     SELECT incident, place, channel, since, attempts FROM old ON CONFLICT DO NOTHING`,
    [ABANDONED_MS],
  )
}

/**
 * Claims the messages that are due, so that only one of several processes makes the next attempt. Of the messages about one incident to one
 * channel, only the oldest is claimed, so that people get them in the order of the events.
 */
export async function claimDeliveries(database: Database, limit: number, without: string[]): Promise<Delivery[]> {
  const claimed = await database.query<Delivery>(
    `UPDATE runbook.outbox o SET attempts = o.attempts + 1, next_at = clock_timestamp() + $1 * interval '1 millisecond'
     FROM (SELECT incident, place, channel FROM runbook.outbox d
       WHERE ended_at IS NULL AND next_at <= clock_timestamp() AND channel <> ALL ($3)
         AND NOT EXISTS (SELECT FROM runbook.outbox b WHERE b.incident = d.incident AND b.channel = d.channel
           AND b.since < d.since AND b.ended_at IS NULL AND b.next_at <= clock_timestamp())
       ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
     WHERE o.incident = due.incident AND o.place = due.place AND o.channel = due.channel
     RETURNING o.incident, o.place, o.channel, o.attempts, o.quiet,
       round(extract(epoch FROM clock_timestamp() - o.since) * 1000)::float8 AS "sinceMs"`,
    [ATTEMPT_MS, limit, without],
  )
  return claimed.rows
}

/** The end of a delivery. `problem`: why the message is no longer sent; absent if the channel has accepted the message. */
export interface DeliveryEnd {
  result: string
  problem?: string
}

/** Ends a delivery and records its result. If another process has already ended it, which the row shows, nothing is recorded. */
export async function endDelivery(
  database: Database,
  { incident, place, channel, sinceMs, quiet }: Delivery,
  { result, problem }: DeliveryEnd,
): Promise<void> {
  await transaction(database, async (db) => {
    const ended = await db.query(
      `UPDATE runbook.outbox SET ended_at = clock_timestamp(), problem = $4
       WHERE incident = $1 AND place = $2 AND channel = $3 AND ended_at IS NULL`,
      [incident, place, channel, problem ?? null],
    )
    if (ended.rowCount === 0 || (quiet && problem === undefined)) return
    const data = { of: place, channel, result, tookMs: sinceMs }
    await recordEvents(db, incident, [{ actor: 'engine', kind: 'delivery', data }])
  })
}

/** Stores why an attempt failed, and sets the time of the next one. */
export async function postponeDelivery(
  database: Database,
  { incident, place, channel, attempts }: Delivery,
  problem: string,
  retryAfterMs: number | undefined,
): Promise<void> {
  await database.query(
    `UPDATE runbook.outbox SET next_at = clock_timestamp() + $4 * interval '1 millisecond', problem = $5
     WHERE incident = $1 AND place = $2 AND channel = $3 AND ended_at IS NULL`,
    [incident, place, channel, pauseAfter(attempts, retryAfterMs), problem],
  )
}

function pauseAfter(attempts: number, retryAfterMs = 0): number {
  const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempts - 1, 20))
  // Random jitter, so that messages that failed together are not all sent again at the same time.
  return Math.max(retryAfterMs, pause * (0.75 + Math.random() / 2))
}

/** The channels that already got a message about the incident, or will get one. */
export async function channelsTold(db: Queryable, incident: string): Promise<string[]> {
  const found = await db.query<{ channel: string }>(
    'SELECT DISTINCT channel FROM runbook.outbox WHERE incident = $1 ORDER BY channel',
    [incident],
  )
  return found.rows.map(({ channel }) => channel)
}

/** Stores where a channel keeps a message (in Slack its channel and timestamp), because the message is updated later. */
export async function storeRef(
  database: Database,
  { incident, place, channel }: Pick<Delivery, 'incident' | 'place' | 'channel'>,
  ref: string,
): Promise<void> {
  await database.query('UPDATE runbook.outbox SET ref = $4 WHERE incident = $1 AND place = $2 AND channel = $3', [
    incident,
    place,
    channel,
    ref,
  ])
}

/**
 * The messages of a channel that are updated when something happens in the incident: the places of their events, and where the channel
 * keeps them.
 */
export async function readEditable(
  db: Queryable,
  incident: string,
  channel: string,
): Promise<{ place: string; ref: string }[]> {
  const found = await db.query<{ place: string; ref: string }>(
    'SELECT place, ref FROM runbook.outbox WHERE incident = $1 AND channel = $2 AND ref IS NOT NULL ORDER BY since',
    [incident, channel],
  )
  return found.rows
}

/** A message that a channel has not accepted. */
export interface Undelivered {
  place: string
  channel: string
  attempts: number
  since: Date
  problem: string
  /** Whether the message is no longer sent. */
  givenUp: boolean
}

/** The messages about an incident that a channel has not accepted so far. */
export async function readUndelivered(db: Queryable, incident: string): Promise<Undelivered[]> {
  const found = await db.query<Undelivered>(
    `SELECT place, channel, attempts, since, problem, ended_at IS NOT NULL AS "givenUp" FROM runbook.outbox
     WHERE incident = $1 AND problem IS NOT NULL ORDER BY since, channel`,
    [incident],
  )
  return found.rows
}

/** Messages that a channel has not accepted yet and that are sent again, oldest first. */
export async function readPending(
  db: Queryable,
  limit: number,
): Promise<(Pick<Undelivered, 'channel' | 'attempts' | 'since'> & { incident: string })[]> {
  const found = await db.query<Pick<Undelivered, 'channel' | 'attempts' | 'since'> & { incident: string }>(
    `SELECT incident, channel, attempts, since FROM runbook.outbox WHERE ended_at IS NULL AND problem IS NOT NULL
     ORDER BY since LIMIT $1`,
    [limit],
  )
  return found.rows
}

export interface OutboxState {
  /** Messages that a channel has not accepted yet and that are sent again, by channel. */
  waiting: { channel: string; messages: number; oldestMs: number; problem: string }[]
  /** Messages of the last day that are no longer sent, by channel. */
  givenUp: { channel: string; messages: number; problem: string }[]
}

/** The messages that the channels have not accepted. */
export async function readOutbox(db: Queryable): Promise<OutboxState> {
  const waiting = await db.query<OutboxState['waiting'][number]>(
    `SELECT channel, count(*)::integer AS messages, max(problem) AS problem,
       round(extract(epoch FROM clock_timestamp() - min(since)) * 1000)::float8 AS "oldestMs"
     FROM runbook.outbox WHERE ended_at IS NULL AND problem IS NOT NULL GROUP BY channel ORDER BY channel`,
  )
  const givenUp = await db.query<OutboxState['givenUp'][number]>(
    `SELECT channel, count(*)::integer AS messages, max(problem) AS problem FROM runbook.outbox
     WHERE ended_at > clock_timestamp() - interval '1 day' AND problem IS NOT NULL GROUP BY channel ORDER BY channel`,
  )
  return { waiting: waiting.rows, givenUp: givenUp.rows }
}
