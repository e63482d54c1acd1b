import type { NewEvent } from '../core/events.ts'
import { ADVISORY_LOCKS, tryExclusively } from './advisory-locks.ts'
import { statement, transaction, type Connection, type Database, type Queryable } from './database.ts'
import type { IncidentRow } from './incidents.ts'
import { placesAndBodies, recordEvents } from './record.ts'

/** An event of an incident for which messages may have to be sent. */
export interface Announced {
  incident: string
  /** The event's place; `r<round>/applied` stands for all effects of the round. */
  place: string
}

/** An announced event with what its recipients depend on. */
export interface AnnouncedEvent extends Announced {
  about: Pick<IncidentRow, 'id' | 'planDigest' | 'state' | 'outcome' | 'requester' | 'closedAt'>
  /** The stored event; null if no event is stored at exactly this place. */
  body: string | null
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
  recipientsOf: (db: Connection, event: AnnouncedEvent) => Promise<Recipients>,
): Promise<number> {
  return transaction(database, async (db) => {
    if (!(await tryExclusively(db, ADVISORY_LOCKS.outbox))) return 0
    await adoptOldDeliveries(db)
    const waiting = await db.query<AnnouncedEvent>(
      `SELECT o.incident, o.place, e.body, json_build_object('id', i.id, 'planDigest', i.plan_digest, 'state', i.state, 'outcome', i.outcome,
         'requester', i.requester, 'closedAt', i.closed_at) AS about
       FROM (SELECT incident, place, number FROM runbook.outbox_events WHERE next_at <= clock_timestamp() ORDER BY number LIMIT $1) o
         JOIN runbook.incidents i ON i.id = o.incident LEFT JOIN runbook.events e ON e.incident = o.incident AND e.place = o.place
       ORDER BY o.number`,
      [limit],
    )
    const later: Announced[] = []
    for (const event of waiting.rows) {
      const recipients = await recipientsOf(db, event)
      if (recipients === 'not yet') later.push(event)
      else await storeMessages(db, event, recipients)
    }
    await readLater(db, later)
    await forget(
      db,
      waiting.rows.filter((event) => !later.includes(event)),
    )
    return waiting.rows.length
  })
}

/** Most events of most incidents have no recipients, and then nothing is stored. */
async function storeMessages(
  db: Connection,
  { incident, place }: Announced,
  { to, quiet = [], unreachable = [] }: Exclude<Recipients, 'not yet'>,
): Promise<void> {
  const channels = [...new Set([...to, ...quiet])]
  if (channels.length > 0)
    await db.query(
      `INSERT INTO runbook.outbox (incident, place, channel, quiet)
       SELECT $1, $2, channel, channel <> ALL ($4) FROM unnest($3::text[]) AS c (channel) ON CONFLICT DO NOTHING`,
      [incident, place, channels, to],
    )
  for (const { name, why } of unreachable) {
    const data = { of: place, channel: name, result: `not delivered: ${why}`, tookMs: 0 }
    await recordEvents(db, incident, [{ actor: 'engine', kind: 'delivery', data }])
  }
}

async function readLater(db: Connection, events: Announced[]): Promise<void> {
  if (events.length === 0) return
  await db.query(
    `UPDATE runbook.outbox_events e SET next_at = clock_timestamp() + $3 * interval '1 millisecond'
     FROM unnest($1::text[], $2::text[]) AS later (incident, place) WHERE e.incident = later.incident AND e.place = later.place`,
    [...columnsOf(events), LATER_MS],
  )
}

async function forget(db: Connection, events: Announced[]): Promise<void> {
  if (events.length === 0) return
  await db.query(
    `DELETE FROM runbook.outbox_events e USING unnest($1::text[], $2::text[]) AS done (incident, place)
     WHERE e.incident = done.incident AND e.place = done.place`,
    columnsOf(events),
  )
}

function columnsOf(events: Announced[]): [incidents: string[], places: string[]] {
  return [events.map(({ incident }) => incident), events.map(({ place }) => place)]
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

/**
 * Ends a delivery and records its result. If another process has already ended it, which the row shows, nothing is recorded. This is one
 * statement, because a worker that dies between the answer of the channel and the commit makes another worker send the message again.
 */
export async function endDelivery(
  database: Database,
  { incident, place, channel, sinceMs, quiet }: Delivery,
  { result, problem }: DeliveryEnd,
): Promise<void> {
  const data = { of: place, channel, result, tookMs: sinceMs }
  const isSilent = quiet && problem === undefined
  const events: NewEvent[] = isSilent ? [] : [{ actor: 'engine', kind: 'delivery', data }]
  await statement(database, (connection) =>
    connection.query(
      `WITH ended AS (UPDATE runbook.outbox SET ended_at = clock_timestamp(), problem = $4
         WHERE incident = $1 AND place = $2 AND channel = $3 AND ended_at IS NULL RETURNING incident)
       SELECT FROM ended, LATERAL runbook.append_events(ended.incident, $5, $6)`,
      [incident, place, channel, problem ?? null, ...placesAndBodies(events)],
    ),
  )
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
  plans: string[] | null,
  limit: number,
): Promise<(Pick<Undelivered, 'channel' | 'attempts' | 'since'> & { incident: string })[]> {
  const found = await db.query<Pick<Undelivered, 'channel' | 'attempts' | 'since'> & { incident: string }>(
    `SELECT incident, channel, attempts, since FROM runbook.outbox WHERE ended_at IS NULL AND problem IS NOT NULL
       AND ($2::text[] IS NULL OR incident IN (SELECT id FROM runbook.incidents WHERE plan_digest = ANY ($2)))
     ORDER BY since LIMIT $1`,
    [limit, plans],
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
