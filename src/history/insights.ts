import { formatPlace, placesInRounds, roundOf } from '../core/place.ts'
import type { Connection } from './database.ts'
import { SEEN_AT } from './seen-at.ts'

/**
 * What the history says about the incidents of a period: one statement for each part. The parameters of each statement begin with the start
 * of the period and the time zone in which months and nights are counted.
 */

/** The part of an incident between two of its times. */
export const SEGMENTS = [
  'onset to detected',
  'detected to acknowledged',
  'detected to proposed',
  'proposed to decided',
  'decided to applied',
  'applied to verified',
] as const

export type Segment = (typeof SEGMENTS)[number]

/** What a row counts: all incidents, or those of one runbook, type or month. The other two are null. */
interface Group {
  runbook: string | null
  type: string | null
  month: string | null
}

export interface SegmentRow extends Group {
  segment: Segment
  count: number
  /** The 50th, 90th and 99th percentile, in milliseconds. */
  percentiles: [number, number, number]
}

export interface CountRow extends Group {
  incidents: number
  /** Incidents that were not opened by a handoff, a retry or an undo, and by whom they were opened. */
  reported: number
  byDetection: number
  byAlerts: number
  byPeople: number
  /** Incidents of which it is known whether they were healthy within 30 minutes, and those that were. */
  judged: number
  healthy: number
}

export interface RemedyRow {
  runbook: string
  remedy: string
  proposals: number
  approved: number
  rejected: number
  expired: number
  verified: number
  helped: number
  /** The latest incident in which the remedy did not help. */
  lastFailure: string | null
}

export interface RejectionRow {
  incident: string
  runbook: string
  remedy: string
  person: string
  at: Date
  why: string | null
  nextCause: boolean
}

export interface UndeterminedRow {
  runbook: string
  cause: string
  incidents: number
  lastIncident: string
  /** Why the cause was undetermined the last time. */
  because: string | null
}

export interface MessagesRow {
  person: string
  night: number
  day: number
}

/** The period and the time zone of a report. */
export interface Period {
  since: Date
  zone: string
}

const COUNTED = `counted AS (
  SELECT id, type, runbook, to_char(opened_at AT TIME ZONE $2, 'YYYY-MM') AS month, opened_at, closed_at, outcome,
    requester, parent, ${SEEN_AT} AS seen_at
  FROM runbook.incidents i WHERE opened_at >= $1::timestamptz)`

/** The earliest time at which an alert of the incident started or a sample showed its symptom. */
const ONSETS = `onsets AS (
  SELECT incident, min(at) AS at FROM (
    SELECT c.id AS incident, runbook.parsed_time(b.body #>> '{data,startsAt}') AS at
    FROM counted c JOIN runbook.events e ON e.incident = c.id
      CROSS JOIN LATERAL (SELECT runbook.parsed_body(e.body) AS body OFFSET 0) b
    WHERE e.place IS NULL AND position('"kind":"alert"' IN e.body) > 0
      AND b.body ->> 'kind' = 'alert' AND b.body #>> '{data,status}' = 'firing'
    UNION ALL
    SELECT p.incident, p.first_at FROM runbook.episodes p JOIN counted c ON c.id = p.incident) known
  GROUP BY incident)`

const PROPOSALS = `proposals AS (
  SELECT c.id, c.type, c.runbook, c.month, g.opened_at, CASE WHEN NOT g.auto THEN g.decided_at END AS decided_at,
    (SELECT max(e.at) FROM runbook.effects e WHERE e.gate = g.id AND e.result = 'applied') AS applied_at,
    (SELECT max(v.at) FROM runbook.verdicts v WHERE v.gate = g.id HAVING bool_and(v.held)) AS verified_at
  FROM counted c JOIN runbook.gates g ON g.incident = c.id)`

/** A time that is not known gives no row. Clocks of other systems may differ, so a time that would be negative is not counted either. */
const TIMES = `times AS (
  SELECT c.runbook, c.type, c.month, t.segment, t.took FROM counted c LEFT JOIN onsets o ON o.incident = c.id
    LEFT JOIN (SELECT id, min(opened_at) AS at FROM proposals GROUP BY id) p ON p.id = c.id
    CROSS JOIN LATERAL (VALUES ('onset to detected', c.opened_at - o.at),
      ('detected to acknowledged', c.seen_at - c.opened_at), ('detected to proposed', p.at - c.opened_at)) AS t (segment, took)
  UNION ALL
  SELECT p.runbook, p.type, p.month, t.segment, t.took FROM proposals p
    CROSS JOIN LATERAL (VALUES ('proposed to decided', p.decided_at - p.opened_at),
      ('decided to applied', p.applied_at - p.decided_at), ('applied to verified', p.verified_at - p.applied_at)) AS t (segment, took))`

export async function readSegments(db: Connection, { since, zone }: Period): Promise<SegmentRow[]> {
  const found = await db.query<SegmentRow>(
    `WITH ${COUNTED}, ${ONSETS}, ${PROPOSALS}, ${TIMES}
     SELECT segment, runbook, type, month, count(*)::integer AS count,
       percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY round(extract(epoch FROM took) * 1000)::float8) AS percentiles
     FROM times WHERE took >= interval '0'
     GROUP BY GROUPING SETS ((segment), (segment, runbook), (segment, type), (segment, month))`,
    [since, zone],
  )
  return found.rows
}

/**
 * Healthy means resolved or cleared within 30 minutes. Not judged are open incidents that are younger, and those that ended without saying
 * anything about the health of the system: handed off, cancelled, no action needed.
 */
export async function readCounts(db: Connection, { since, zone }: Period): Promise<CountRow[]> {
  const found = await db.query<CountRow>(
    `WITH ${COUNTED}, marked AS (
       SELECT *, parent IS NULL AND requester NOT LIKE 'handoff:%' AS is_report,
         CASE WHEN closed_at IS NULL THEN opened_at < clock_timestamp() - interval '30 minutes'
           ELSE outcome NOT IN ('handed-off', 'cancelled', 'no-action') END AS is_judged,
         outcome IN ('resolved', 'cleared') AND closed_at - opened_at <= interval '30 minutes' AS is_healthy
       FROM counted)
     SELECT runbook, type, month, count(*)::integer AS incidents,
       count(*) FILTER (WHERE is_report)::integer AS reported,
       count(*) FILTER (WHERE is_report AND requester LIKE 'detect:%')::integer AS "byDetection",
       count(*) FILTER (WHERE is_report AND requester LIKE 'alert:%')::integer AS "byAlerts",
       count(*) FILTER (WHERE is_report AND requester LIKE 'person:%')::integer AS "byPeople",
       count(*) FILTER (WHERE is_judged)::integer AS judged,
       count(*) FILTER (WHERE is_judged AND is_healthy)::integer AS healthy
     FROM marked GROUP BY GROUPING SETS ((), (runbook), (type), (month))`,
    [since, zone],
  )
  return found.rows
}

export async function readRemedies(db: Connection, { since, zone }: Period): Promise<RemedyRow[]> {
  const found = await db.query<RemedyRow>(
    `WITH ${COUNTED}, used AS (
       SELECT c.runbook, g.remedy, g.incident, g.state, g.decided_at, g.opened_at,
         (SELECT bool_and(v.held) FROM runbook.verdicts v WHERE v.gate = g.id) AS helped
       FROM counted c JOIN runbook.gates g ON g.incident = c.id)
     SELECT runbook, remedy, count(*)::integer AS proposals,
       count(*) FILTER (WHERE decided_at IS NOT NULL AND state <> 'rejected')::integer AS approved,
       count(*) FILTER (WHERE state = 'rejected')::integer AS rejected,
       count(*) FILTER (WHERE state = 'expired')::integer AS expired,
       count(helped)::integer AS verified, count(*) FILTER (WHERE helped)::integer AS helped,
       (array_agg(incident ORDER BY opened_at DESC) FILTER (WHERE NOT helped))[1] AS "lastFailure"
     FROM used GROUP BY runbook, remedy ORDER BY count(*) FILTER (WHERE NOT helped) DESC, runbook, remedy`,
    [since, zone],
  )
  return found.rows
}

/** The latest rejections, at most `limit`. */
export async function readRejections(db: Connection, { since, zone }: Period, limit: number): Promise<RejectionRow[]> {
  const found = await db.query<RejectionRow>(
    `WITH ${COUNTED}
     SELECT c.id AS incident, c.runbook, g.remedy, d.person, d.at, d.comment AS why, d.next_cause AS "nextCause"
     FROM counted c JOIN runbook.gates g ON g.incident = c.id AND g.state = 'rejected'
       JOIN runbook.decisions d ON d.gate = g.id AND d.decision = 'reject' AND d.withdrawn_at IS NULL
     ORDER BY d.at DESC LIMIT $3`,
    [since, zone, limit],
  )
  return found.rows
}

/** The causes that were undetermined, the most frequent first, at most `limit`. */
export async function readUndetermined(
  db: Connection,
  { since, zone }: Period,
  limit: number,
): Promise<UndeterminedRow[]> {
  const found = await db.query<UndeterminedRow>(
    `WITH ${COUNTED}
     SELECT c.runbook, f.finding ->> 'cause' AS cause, count(DISTINCT c.id)::integer AS incidents,
       (array_agg(c.id ORDER BY e.at DESC))[1] AS "lastIncident",
       (array_agg(f.finding ->> 'because' ORDER BY e.at DESC))[1] AS because
     FROM counted c JOIN runbook.events e ON e.incident = c.id AND e.place = ANY ($3)
       CROSS JOIN LATERAL (SELECT runbook.parsed_body(e.body) #> '{data,findings}' AS findings OFFSET 0) b
       CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(b.findings) WHEN 'array' THEN b.findings ELSE '[]' END) AS f (finding)
     WHERE position('"holds":"undetermined"' IN e.body) > 0 AND f.finding ->> 'holds' = 'undetermined' AND f.finding ->> 'cause' IS NOT NULL
     GROUP BY c.runbook, f.finding ->> 'cause' ORDER BY incidents DESC, c.runbook, cause LIMIT $4`,
    [since, zone, placesInRounds('findings'), limit],
  )
  return found.rows
}

/** The places of the events whose messages ask somebody to act. */
const ASKING = [
  ...placesInRounds('proposal'),
  ...placesInRounds('gate-unanswered'),
  ...placesInRounds('escalation'),
  ...placesInRounds('proposal').flatMap((place) =>
    [false, true].map((escalated) => formatPlace({ kind: 'reminder', round: roundOf(place)!, escalated })),
  ),
]

/**
 * How many messages that ask somebody to act were accepted by a channel of each person, at night (22:00 to 06:00) and at other times.
 * `reached` has the channels of people. A message that was sent to two channels of one person counts once.
 */
export async function readMessages(
  db: Connection,
  { since, zone }: Period,
  reached: { person: string; channel: string }[],
): Promise<MessagesRow[]> {
  const found = await db.query<MessagesRow>(
    `WITH ${COUNTED}, reached AS (SELECT * FROM unnest($3::text[], $4::text[]) AS r (person, channel)), sent AS (
       SELECT e.incident, b.data ->> 'of' AS place, b.data ->> 'channel' AS channel, min(runbook.parsed_time(e.at)) AS at
       FROM counted c JOIN runbook.events e ON e.incident = c.id
         CROSS JOIN LATERAL (SELECT runbook.parsed_body(e.body) -> 'data' AS data OFFSET 0) b
       WHERE e.place IS NULL AND position('"kind":"delivery"' IN e.body) > 0 AND b.data ->> 'result' LIKE 'notified %'
         AND b.data ->> 'of' = ANY ($5) GROUP BY 1, 2, 3),
     got AS (SELECT r.person, s.incident, s.place, min(s.at) AS at FROM sent s JOIN reached r ON r.channel = s.channel GROUP BY 1, 2, 3)
     SELECT person, count(*) FILTER (WHERE night)::integer AS night, count(*) FILTER (WHERE NOT night)::integer AS day
     FROM got CROSS JOIN LATERAL (SELECT extract(hour FROM at AT TIME ZONE $2) NOT BETWEEN 6 AND 21 AS night) n
     GROUP BY person ORDER BY night DESC, person`,
    [since, zone, reached.map(({ person }) => person), reached.map(({ channel }) => channel), ASKING],
  )
  return found.rows
}
