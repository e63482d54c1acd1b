import type { EpisodeState } from '../core/detection.ts'
import type { Outcome } from '../core/incident.ts'
import type { Queryable } from './database.ts'

/** The runbook and the key to which a sample belongs. */
export interface Detected {
  runbook: string
  type: string
  key: string
}

export interface OpenEpisode {
  id: string
  /** The number of consecutive counted samples that showed the symptom. */
  samples: number
  state: EpisodeState
  incident: string | null
  /** Of its incident; null while that is open. */
  outcome: Outcome | null
}

export interface GateToSample {
  gate: string
  incident: string
  planDigest: string
  /** JSON text. */
  inputs: string
}

/** What is known about a runbook before it is sampled. */
export interface DetectionState {
  isPaused: boolean
  episode: OpenEpisode | null
  /** Whether the runbook has open episodes under another key, for example because the runbook was changed. */
  hasOthers: boolean
  gates: GateToSample[]
  /** The last incident of the key, if it has closed with its symptom present and keeps the key quiet. */
  quietIncident: string | null
  /** Whether an alert of the same key fires. */
  hasAlert: boolean
}

/** How many open gates are sampled in one run. They are chosen at random, so that each gate is sampled sooner or later. */
const MAX_GATES = 10

const GATES = `SELECT g.id AS gate, i.id AS incident, i.plan_digest AS "planDigest", i.inputs FROM runbook.gates g
  JOIN runbook.incidents i ON i.id = g.incident WHERE g.state = 'open' AND i.closed_at IS NULL AND i.cancelled_at IS NULL`

/**
 * Reads what is known about a runbook. It is one statement, because it runs before every sample. `quietMs`: how long a key may be quiet.
 */
export async function readDetection(
  db: Queryable,
  { runbook, type, key }: Detected,
  quietMs: number,
): Promise<DetectionState> {
  const found = await db.query<DetectionState>(
    `WITH latest AS (SELECT id, closed_at, outcome, symptom_gone_at FROM runbook.incidents WHERE key = $3 AND type = $2 ORDER BY number DESC LIMIT 1)
     SELECT EXISTS (SELECT FROM runbook.controls WHERE name = 'detection/' || $1) AS "isPaused",
       (SELECT json_build_object('id', e.id::text, 'samples', e.samples, 'state', e.state, 'incident', e.incident, 'outcome', i.outcome)
        FROM runbook.episodes e LEFT JOIN runbook.incidents i ON i.id = e.incident
        WHERE e.type = $2 AND e.key = $3 AND e.ended_at IS NULL) AS episode,
       EXISTS (SELECT FROM runbook.episodes WHERE runbook = $1 AND ended_at IS NULL AND (type, key) <> ($2, $3)) AS "hasOthers",
       (SELECT coalesce(json_agg(to_json(s)), '[]') FROM (${GATES} AND i.runbook = $1 ORDER BY random() LIMIT $5) s) AS gates,
       (SELECT id FROM latest WHERE closed_at > clock_timestamp() - $4 * interval '1 millisecond' AND outcome NOT IN ('resolved', 'cleared')
          AND symptom_gone_at IS NULL) AS "quietIncident",
       EXISTS (SELECT FROM runbook.alerts WHERE incident = (SELECT id FROM latest) AND status = 'firing') AS "hasAlert"`,
    [runbook, type, key, quietMs, MAX_GATES],
  )
  return found.rows[0]!
}

/** The open gate of an incident; undefined if it has none. */
export async function readGateToSample(db: Queryable, incident: string): Promise<GateToSample | undefined> {
  // oxlint-disable-next-line runbook/sql-text -- a constant of this file
  const found = await db.query<GateToSample>(`${GATES} AND i.id = $1`, [incident])
  return found.rows[0]
}

/**
 * Records a sample that showed the symptom. It counts only if the last counted sample is at least half an interval old. So a sample counts
 * once, even if it is taken twice because a worker died after it or because somebody started one by hand.
 */
export async function recordPresent(
  db: Queryable,
  { runbook, type, key }: Detected,
  { everyMs, needed, hasAlert }: { everyMs: number; needed: number; hasAlert: boolean },
): Promise<OpenEpisode> {
  const stored = await db.query<OpenEpisode>(
    `INSERT INTO runbook.episodes AS e (runbook, type, key, first_at, counted_at, last_at, confirmed_at, alert_at)
     SELECT $1, $2, $3, at, at, at, CASE WHEN $5 <= 1 THEN at END, CASE WHEN $6 THEN at END FROM (SELECT clock_timestamp() AS at) now
     ON CONFLICT (type, key) WHERE ended_at IS NULL DO UPDATE SET runbook = excluded.runbook, last_at = excluded.last_at,
       alert_at = coalesce(e.alert_at, excluded.alert_at),
       samples = e.samples + (e.counted_at < excluded.last_at - $4 / 2 * interval '1 millisecond')::integer,
       counted_at = CASE WHEN e.counted_at < excluded.last_at - $4 / 2 * interval '1 millisecond' THEN excluded.last_at ELSE e.counted_at END,
       confirmed_at = coalesce(e.confirmed_at,
         CASE WHEN e.samples + (e.counted_at < excluded.last_at - $4 / 2 * interval '1 millisecond')::integer >= $5 THEN excluded.last_at END)
     RETURNING e.id::text AS id, e.samples, e.state, e.incident, (SELECT outcome FROM runbook.incidents WHERE id = e.incident) AS outcome`,
    [runbook, type, key, everyMs, needed, hasAlert],
  )
  return stored.rows[0]!
}

/** Records the present outcome of an episode. */
export async function setEpisode(
  db: Queryable,
  id: string,
  state: EpisodeState,
  incident: string | null,
): Promise<void> {
  await db.query(
    `UPDATE runbook.episodes SET state = $2, incident = coalesce($3, incident)
     WHERE id = $1 AND (state, incident) IS DISTINCT FROM ($2, coalesce($3, incident))`,
    [id, state, incident],
  )
}

/** Ends an episode because a sample did not show the symptom. An episode that was never confirmed is deleted. */
export async function endEpisode(db: Queryable, id: string): Promise<void> {
  await db.query(
    `WITH forgotten AS (DELETE FROM runbook.episodes WHERE id = $1 AND confirmed_at IS NULL)
     UPDATE runbook.episodes SET ended_at = clock_timestamp() WHERE id = $1 AND confirmed_at IS NOT NULL AND ended_at IS NULL`,
    [id],
  )
}

/**
 * Ends the open episodes of a runbook that are no longer sampled, at their last sample: all of them, or those under another key than
 * `sampled`.
 */
export async function endUnsampled(db: Queryable, runbook: string, sampled?: Detected): Promise<void> {
  await db.query(
    `WITH unsampled AS (SELECT id, confirmed_at FROM runbook.episodes WHERE runbook = $1 AND ended_at IS NULL
       AND (type, key) IS DISTINCT FROM ($2, $3)),
     forgotten AS (DELETE FROM runbook.episodes WHERE id IN (SELECT id FROM unsampled WHERE confirmed_at IS NULL))
     UPDATE runbook.episodes SET ended_at = last_at WHERE id IN (SELECT id FROM unsampled WHERE confirmed_at IS NOT NULL)`,
    [runbook, sampled?.type ?? null, sampled?.key ?? null],
  )
}

/** Records that the symptom of a closed incident is gone, so that its key is not quiet any more. */
export async function recordSymptomGone(db: Queryable, incident: string): Promise<void> {
  await db.query(
    'UPDATE runbook.incidents SET symptom_gone_at = clock_timestamp() WHERE id = $1 AND symptom_gone_at IS NULL',
    [incident],
  )
}

/** Marks an incident that waits at a gate, so that it is sampled soon. Returns false if the incident does not wait at a gate. */
export async function wantSample(db: Queryable, incident: string): Promise<boolean> {
  const marked = await db.query(
    `UPDATE runbook.incidents SET sample_wanted_at = clock_timestamp() WHERE id = $1 AND closed_at IS NULL
     AND EXISTS (SELECT FROM runbook.gates WHERE incident = $1 AND state = 'open')`,
    [incident],
  )
  return marked.rowCount === 1
}

/** The marked incidents, the longest marked first. Marks of the last second are left out: the process that made them is starting the sample. */
export async function incidentsToSample(db: Queryable, limit: number): Promise<string[]> {
  const found = await db.query<{ id: string }>(
    `SELECT id FROM runbook.incidents WHERE sample_wanted_at < clock_timestamp() - interval '1 second'
     ORDER BY sample_wanted_at LIMIT $1`,
    [limit],
  )
  return found.rows.map(({ id }) => id)
}

/** When the sample was asked for, as text; null if it is not wanted any more. */
export async function sampleWantedAt(db: Queryable, incident: string): Promise<string | null> {
  const found = await db.query<{ at: string | null }>(
    'SELECT sample_wanted_at::text AS at FROM runbook.incidents WHERE id = $1',
    [incident],
  )
  return found.rows[0]?.at ?? null
}

/** Records that the wanted sample has begun, unless another sample was asked for after `wantedAt`. */
export async function sampleBegun(db: Queryable, incident: string, wantedAt: string): Promise<void> {
  await db.query(
    'UPDATE runbook.incidents SET sample_wanted_at = NULL WHERE id = $1 AND sample_wanted_at = $2::timestamptz',
    [incident, wantedAt],
  )
}
