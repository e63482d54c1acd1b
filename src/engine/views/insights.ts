import { channelsFor } from '../../config/channels.ts'
import type { Config } from '../../config/config.ts'
import { parseDuration } from '../../core/duration.ts'
import { RunbookError } from '../../core/errors.ts'
import type { InsightRequest } from '../../core/insight-request.ts'
import { snapshot, type Connection } from '../../history/database.ts'
import {
  readCounts,
  readMessages,
  readRejections,
  readRemedies,
  readSegments,
  readUndetermined,
  SEGMENTS,
  type CountRow,
  type Period,
  type SegmentRow,
} from '../../history/insights.ts'
import type { Engine } from '../engine.ts'
import { isoTime } from './iso-time.ts'
import type { InsightGroup, Insights } from './view-types.ts'

const MAX_ROWS = 100
const MAX_PERIOD = '1100d'

/** What the history says about the incidents that were opened in a period. Throws `RUNBOOK_BAD_INPUT`. */
export async function readInsights(
  { database, config }: Pick<Engine, 'database' | 'config'>,
  request: InsightRequest,
): Promise<Insights> {
  const sinceMs = parseDuration(request.since)
  if (sinceMs === undefined || sinceMs > parseDuration(MAX_PERIOD)!)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `since: write a duration of at most ${MAX_PERIOD}, such as 90d`)
  return snapshot(database, async (db) => {
    const zone = await requireZone(db, request.zone)
    const until = Date.now()
    const period: Period = { since: new Date(until - sinceMs), zone }
    const segments = await readSegments(db, period)
    const counts = await readCounts(db, period)
    const rejections = await readRejections(db, period, MAX_ROWS)
    return {
      since: isoTime(period.since),
      until: isoTime(new Date(until)),
      zone,
      groups: groupsOf(counts, segments),
      remedies: await readRemedies(db, period),
      rejections: rejections.map((row) => ({ ...row, at: isoTime(row.at) })),
      undetermined: await readUndetermined(db, period, MAX_ROWS),
      messages: await readMessages(db, period, channelsOfPeople(config)),
    }
  })
}

/** Returns the name of the time zone as PostgreSQL writes it. */
async function requireZone(db: Connection, zone: string): Promise<string> {
  const found = await db.query<{ name: string }>('SELECT name FROM pg_timezone_names WHERE lower(name) = lower($1)', [
    zone,
  ])
  if (found.rows[0]) return found.rows[0].name
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    `zone: ${JSON.stringify(zone)} is not the name of a time zone, such as UTC or Europe/Berlin`,
  )
}

/** The channels that reach a person by the present configuration: those of the person, and those of the person's groups. */
function channelsOfPeople(config: Pick<Config, 'people' | 'channels' | 'groups'>) {
  return Object.entries(config.people).flatMap(([person, { groups, channels = [] }]) => {
    const names = new Set([...groups, ...channels].flatMap((name) => channelsFor(config, name)))
    return [...names].map((channel) => ({ person, channel }))
  })
}

const ORDER = ['all', 'month', 'runbook', 'type'] as const

/** All incidents first, then the months, the runbooks and the types, each by name. */
function groupsOf(counts: CountRow[], segments: SegmentRow[]): InsightGroup[] {
  const groups = counts.map(({ runbook, type, month, ...row }): InsightGroup => {
    const key = { runbook, type, month }
    const own = segments.filter((one) => one.runbook === runbook && one.type === type && one.month === month)
    return { ...nameOf(key), ...row, segments: own.map(timesOf).toSorted(bySegment) }
  })
  return groups.toSorted((a, b) => ORDER.indexOf(a.by) - ORDER.indexOf(b.by) || (a.name < b.name ? -1 : 1))
}

function nameOf({ runbook, type, month }: Pick<CountRow, 'runbook' | 'type' | 'month'>) {
  if (runbook !== null) return { by: 'runbook', name: runbook } as const
  if (type !== null) return { by: 'type', name: type } as const
  return month === null ? ({ by: 'all', name: '' } as const) : ({ by: 'month', name: month } as const)
}

type Times = InsightGroup['segments'][number]

function timesOf({ segment, count, percentiles: [p50Ms, p90Ms, p99Ms] }: SegmentRow): Times {
  return { segment, count, p50Ms, p90Ms, p99Ms }
}

function bySegment(a: Times, b: Times): number {
  return SEGMENTS.indexOf(a.segment) - SEGMENTS.indexOf(b.segment)
}
