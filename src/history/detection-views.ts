import type { EpisodeState } from '../core/detection.ts'
import type { Queryable } from './database.ts'
import { IS_OVERDUE } from './detectors.ts'

export interface StoredDetector {
  runbook: string
  /** The spec of the schedule, as JSON text. */
  spec: string
  isScheduled: boolean
  samples: number
  unreadable: number
  lastAt: Date | null
  /** JSON text. */
  last: string | null
  /** The durations of the last samples in milliseconds, the latest last. */
  recentMs: number[]
  /** Whether no sample was taken for three intervals and a minute. */
  isOverdue: boolean
  pausedBy: string | null
  pauseReason: string | null
  pausedAt: Date | null
}

export async function readDetectors(db: Queryable): Promise<StoredDetector[]> {
  const found = await db.query<StoredDetector>(
    // oxlint-disable-next-line runbook/sql-text -- a constant
    `SELECT d.runbook, d.spec, d.applied IS NOT NULL AS "isScheduled", d.samples::float8 AS samples, d.unreadable::float8 AS unreadable,
       d.last_at AS "lastAt", d.last, d.recent_ms AS "recentMs",
       coalesce(${IS_OVERDUE}, false) AS "isOverdue",
       c.person AS "pausedBy", c.reason AS "pauseReason", c.at AS "pausedAt"
     FROM runbook.detectors d LEFT JOIN runbook.controls c ON c.name = 'detection/' || d.runbook ORDER BY d.runbook`,
  )
  return found.rows
}

export interface StoredEpisode {
  runbook: string
  key: string
  firstAt: Date
  confirmedAt: Date | null
  /** The time of the last sample that showed the symptom. */
  lastAt: Date
  endedAt: Date | null
  samples: number
  state: EpisodeState
  incident: string | null
  alertAt: Date | null
}

const EPISODE = `runbook, key, first_at AS "firstAt", confirmed_at AS "confirmedAt", last_at AS "lastAt", ended_at AS "endedAt", samples, state,
  incident, alert_at AS "alertAt"`

/** The episodes that have not ended, of all runbooks. */
export async function readOpenEpisodes(db: Queryable, limit: number): Promise<StoredEpisode[]> {
  const found = await db.query<StoredEpisode>(
    `SELECT ${EPISODE} FROM runbook.episodes WHERE ended_at IS NULL ORDER BY runbook LIMIT $1`,
    [limit],
  )
  return found.rows
}

/** The confirmed episodes of a runbook that had not ended before `since`, the latest first. */
export async function readEpisodes(
  db: Queryable,
  runbook: string,
  since: Date,
  limit: number,
): Promise<StoredEpisode[]> {
  const found = await db.query<StoredEpisode>(
    `SELECT ${EPISODE} FROM runbook.episodes WHERE confirmed_at IS NOT NULL AND id IN (
       SELECT id FROM runbook.episodes WHERE runbook = $1 AND first_at >= $2
       UNION SELECT id FROM runbook.episodes WHERE runbook = $1 AND ended_at IS NULL)
     ORDER BY first_at DESC LIMIT $3`,
    [runbook, since, limit],
  )
  return found.rows
}

export interface UndetectedIncident {
  id: string
  requester: string
  openedAt: Date
}

/** The incidents of a type that alerts and people opened since then, and during which no sample showed the symptom often enough. */
export async function readUndetected(
  db: Queryable,
  type: string,
  since: Date,
  limit: number,
): Promise<UndetectedIncident[]> {
  const found = await db.query<UndetectedIncident>(
    `SELECT i.id, i.requester, i.opened_at AS "openedAt" FROM runbook.incidents i
     WHERE i.type = $1 AND i.opened_at >= $2 AND i.requester NOT LIKE 'detect:%' AND i.parent IS NULL
       AND NOT EXISTS (SELECT FROM runbook.episodes e WHERE e.type = $1 AND e.key = i.key AND e.confirmed_at IS NOT NULL
         AND e.first_at <= coalesce(i.closed_at, clock_timestamp()) AND coalesce(e.ended_at, clock_timestamp()) >= i.opened_at)
     ORDER BY i.number DESC LIMIT $3`,
    [type, since, limit],
  )
  return found.rows
}

/** How many runbooks have their symptom and open no incident because of maintenance. */
export async function countHeldEpisodes(db: Queryable): Promise<number> {
  const found = await db.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM runbook.episodes WHERE ended_at IS NULL AND state = 'maintenance'`,
  )
  return found.rows[0]!.count
}
