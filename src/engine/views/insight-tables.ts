import { humanDuration } from '../../core/duration.ts'
import { SEGMENTS, type Segment } from '../../history/insights.ts'
import type { InsightGroup, Insights } from './view-types.ts'

type Cell = string | number | null

interface Column {
  title: string
  /** `duration`: milliseconds. `time`: ISO 8601. `incident`: the id of an incident. */
  kind: 'text' | 'count' | 'duration' | 'time' | 'incident'
}

/** One part of a report as a table, for the page, the command line and a file of CSV. */
export interface InsightTable {
  caption: string
  columns: Column[]
  rows: Cell[][]
  /** The text that is shown if the table has no rows. */
  empty: string
}

export const TABLE_NAMES = ['times', 'groups', 'remedies', 'rejections', 'undetermined', 'messages'] as const

export type TableName = (typeof TABLE_NAMES)[number]

export function isTableName(name: string): name is TableName {
  return (TABLE_NAMES as readonly string[]).includes(name)
}

const text = (title: string): Column => ({ title, kind: 'text' })
const count = (title: string): Column => ({ title, kind: 'count' })
const duration = (title: string): Column => ({ title, kind: 'duration' })
const incident = (title: string): Column => ({ title, kind: 'incident' })

export function insightTables(insights: Insights): Record<TableName, InsightTable> {
  return {
    times: timesTable(insights.groups),
    groups: groupsTable(insights.groups),
    remedies: remediesTable(insights),
    rejections: {
      caption: 'Proposals that were rejected, and why; the latest first',
      columns: [
        incident('incident'),
        text('runbook'),
        text('remedy'),
        text('rejected by'),
        { title: 'at', kind: 'time' },
        text('why'),
        text('then'),
      ],
      rows: insights.rejections.map((one) => [
        ...[one.incident, one.runbook, one.remedy, one.person, one.at, one.why],
        one.nextCause ? 'the next cause' : 'the incident ended',
      ]),
      empty: 'No proposal was rejected.',
    },
    undetermined: {
      caption: 'Causes that could not be determined',
      columns: [
        text('cause'),
        text('runbook'),
        count('incidents'),
        incident('last incident'),
        text('why, the last time'),
      ],
      rows: insights.undetermined.map((one) => [one.cause, one.runbook, one.incidents, one.lastIncident, one.because]),
      empty: 'Every cause was determined in every incident.',
    },
    messages: {
      caption: `Messages that ask for a decision or report an escalation, by person; night is 22:00 to 06:00 in ${insights.zone}`,
      columns: [text('person'), count('at night'), count('at other times')],
      rows: insights.messages.map(({ person, night, day }) => [person, night, day]),
      empty: 'No such message was accepted by a channel of a person.',
    },
  }
}

function timesTable(groups: InsightGroup[]): InsightTable {
  return {
    caption: 'How long each part took',
    columns: [
      text('counted by'),
      text('name'),
      text('part'),
      count('known'),
      duration('p50'),
      duration('p90'),
      duration('p99'),
    ],
    rows: groups.flatMap(({ by, name, segments }) =>
      segments.map((one) => [by, name, one.segment, one.count, one.p50Ms, one.p90Ms, one.p99Ms]),
    ),
    empty: 'No time is known.',
  }
}

function groupsTable(groups: InsightGroup[]): InsightTable {
  return {
    caption: 'By month, runbook and type of incident; the times are medians',
    columns: [
      text('name'),
      text('counted by'),
      count('incidents'),
      count('reported'),
      ...[count('by detection'), count('by alerts'), count('by people')],
      count('judged'),
      count('healthy within 30 minutes'),
      ...SEGMENTS.map(duration),
    ],
    rows: groups.map((one) => [
      one.by === 'all' ? 'all' : one.name,
      ...[one.by, one.incidents, one.reported, one.byDetection, one.byAlerts, one.byPeople, one.judged, one.healthy],
      ...SEGMENTS.map((segment) => medianOf(one, segment)),
    ]),
    empty: 'No incident was opened.',
  }
}

function medianOf({ segments }: InsightGroup, segment: Segment): number | null {
  return segments.find((one) => one.segment === segment)?.p50Ms ?? null
}

function remediesTable({ remedies }: Insights): InsightTable {
  return {
    caption: 'Remedies: their proposals, and whether they helped; those that did not help come first',
    columns: [
      text('remedy'),
      text('runbook'),
      ...[count('proposals'), count('approved'), count('rejected'), count('expired')],
      ...[count('verified'), count('helped'), count('did not help')],
      incident('last time it did not help'),
    ],
    rows: remedies.map((one) => [
      ...[one.remedy, one.runbook, one.proposals, one.approved, one.rejected, one.expired, one.verified, one.helped],
      one.verified - one.helped,
      one.lastFailure,
    ]),
    empty: 'No remedy was proposed.',
  }
}

/** A cell as text for people. What is not known is a dash, never 0. */
export function cellText(kind: Column['kind'], cell: Cell): string {
  if (cell === null) return '–'
  return kind === 'duration' && typeof cell === 'number' ? humanDuration(cell) : String(cell)
}

/** A share such as `7 of 9 (78 %)`. */
export function shareText(part: number, of: number): string {
  return of === 0 ? 'no incident is counted' : `${part} of ${of} (${Math.round((100 * part) / of)} %)`
}
