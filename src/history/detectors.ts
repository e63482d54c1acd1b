import type { Sample } from '../core/detection.ts'
import type { Queryable } from './database.ts'

/** The samples of one runbook since the last store. */
export interface SampledRunbook {
  runbook: string
  samples: number
  unreadable: number
  /** How many milliseconds each sample took. The latest sample is the last one. */
  durations: number[]
  last: Sample
}

/** How many durations are kept for each runbook. */
const KEPT_DURATIONS = 20

export async function storeSamples(db: Queryable, sampled: (SampledRunbook & { agoMs: number })[]): Promise<void> {
  const rows = sampled.map(({ last, ...one }) => ({ ...one, last: JSON.stringify(last) }))
  await db.query(
    // The rows are locked in one order, so that two workers cannot wait for each other.
    `WITH locked AS (SELECT runbook FROM runbook.detectors WHERE runbook = ANY($3) ORDER BY runbook FOR UPDATE)
     UPDATE runbook.detectors d SET samples = d.samples + s.samples, unreadable = d.unreadable + s.unreadable,
       last_at = clock_timestamp() - s."agoMs" * interval '1 millisecond', last = s.last,
       recent_ms = (d.recent_ms || s.durations)[greatest(1, cardinality(d.recent_ms || s.durations) - $2 + 1):]
     FROM jsonb_to_recordset($1::jsonb) AS s(runbook text, samples bigint, unreadable bigint, durations integer[], last text, "agoMs" float8)
       JOIN locked USING (runbook)
     WHERE d.runbook = s.runbook`,
    [JSON.stringify(rows), KEPT_DURATIONS, rows.map(({ runbook }) => runbook)],
  )
}

/**
 * Reports the runbooks that this worker has, with the specs of their schedules. A spec replaces an earlier one only if its files were
 * loaded later, so workers with different files do not keep changing a schedule.
 */
export async function reportDetectors(
  db: Queryable,
  specs: Record<string, string>,
  loadedAgoMs: number,
): Promise<void> {
  const rows = Object.entries(specs).map(([runbook, spec]) => ({ runbook, spec }))
  if (rows.length === 0) return
  await db.query(
    `INSERT INTO runbook.detectors AS d (runbook, spec, loaded_at, seen_at)
     SELECT r.runbook, r.spec, clock_timestamp() - $2 * interval '1 millisecond', clock_timestamp()
     FROM jsonb_to_recordset($1::jsonb) AS r(runbook text, spec text) ORDER BY r.runbook
     ON CONFLICT (runbook) DO UPDATE SET seen_at = excluded.seen_at,
       spec = CASE WHEN excluded.loaded_at > d.loaded_at THEN excluded.spec ELSE d.spec END,
       loaded_at = greatest(excluded.loaded_at, d.loaded_at)`,
    [JSON.stringify(rows), Math.round(loadedAgoMs)],
  )
}

export interface ClaimedDetector {
  runbook: string
  spec: string
  isPaused: boolean
  /** Whether no worker has the runbook any more. */
  isStale: boolean
}

/** The value that `applied` must get. */
const WANTED = `d.spec || CASE WHEN EXISTS (SELECT FROM runbook.controls WHERE name = 'detection/' || d.runbook) THEN ' paused' ELSE '' END`

/** A runbook that no worker has reported for this long is no longer sampled. */
const STALE_SECONDS = 60
/** The time within which a worker that claimed a change makes it. */
const CLAIM_SECONDS = 20

/** Whether the runbook of the detector `d` has not been sampled for three intervals and a minute. Null before its schedule exists. */
export const IS_OVERDUE = `greatest(d.last_at, d.applied_at) < clock_timestamp() - interval '1 minute'
  - 3 * ((d.spec::jsonb)->>'everyMs')::float8 * interval '1 millisecond'`

/**
 * Claims the runbooks whose schedule must be created, changed or deleted, so that only one worker does it. Runbooks that have not been
 * sampled for three intervals and a minute are claimed too, because their schedule may have been deleted in Temporal.
 */
export async function claimDetectors(db: Queryable): Promise<ClaimedDetector[]> {
  const claimed = await db.query<ClaimedDetector>(
    // oxlint-disable-next-line runbook/sql-text -- constants of this file
    `UPDATE runbook.detectors d SET claimed_at = clock_timestamp(),
       applied = CASE WHEN d.seen_at < clock_timestamp() - $1 * interval '1 second' THEN NULL ELSE d.applied END
     WHERE (d.claimed_at IS NULL OR d.claimed_at < clock_timestamp() - $2 * interval '1 second')
       AND (d.applied IS DISTINCT FROM ${WANTED} OR d.seen_at < clock_timestamp() - $1 * interval '1 second'
         OR (${IS_OVERDUE} AND d.applied = d.spec))
     RETURNING d.runbook, d.spec, d.seen_at < clock_timestamp() - $1 * interval '1 second' AS "isStale",
       EXISTS (SELECT FROM runbook.controls WHERE name = 'detection/' || d.runbook) AS "isPaused"`,
    [STALE_SECONDS, CLAIM_SECONDS],
  )
  return claimed.rows
}

/** Records that the schedule was changed to this spec, and ends the claim, so that a further change can be made at once. */
export async function recordApplied(
  db: Queryable,
  { runbook, spec, isPaused }: Pick<ClaimedDetector, 'runbook' | 'spec' | 'isPaused'>,
): Promise<void> {
  await db.query(
    `UPDATE runbook.detectors SET applied = $2, applied_at = clock_timestamp(), claimed_at = NULL WHERE runbook = $1`,
    [runbook, isPaused ? `${spec} paused` : spec],
  )
}

/** Deletes a runbook whose schedule was deleted, unless a worker has reported the runbook in the meantime. */
export async function forgetDetector(db: Queryable, runbook: string): Promise<void> {
  await db.query(
    "DELETE FROM runbook.detectors WHERE runbook = $1 AND seen_at < clock_timestamp() - $2 * interval '1 second'",
    [runbook, STALE_SECONDS],
  )
}
