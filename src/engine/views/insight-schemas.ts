import { z } from 'zod'
import { SEGMENTS } from '../../history/insights.ts'
import { time } from './schema-parts.ts'

const segmentTimes = z
  .object({
    segment: z.enum(SEGMENTS),
    /** The number of times that are known. */
    count: z.int(),
    p50Ms: z.number(),
    p90Ms: z.number(),
    p99Ms: z.number(),
  })
  .meta({ id: 'SegmentTimes' })

/** The incidents of a period, or those of one runbook, one type or one month of the period. */
export const insightGroup = z
  .object({
    by: z.enum(['all', 'runbook', 'type', 'month']),
    /** The runbook, the type, or the month such as `2026-03`; empty for all. */
    name: z.string(),
    incidents: z.int(),
    /** The incidents that were not opened by a handoff, a retry or an undo, and by whom they were opened. */
    reported: z.int(),
    byDetection: z.int(),
    byAlerts: z.int(),
    byPeople: z.int(),
    /**
     * The incidents that count for `healthy`: not those that were handed off, cancelled or needed no action, and not those that are open for
     * less than 30 minutes.
     */
    judged: z.int(),
    /** The incidents that were resolved or cleared within 30 minutes. */
    healthy: z.int(),
    /** A segment of which no time is known is absent. */
    segments: z.array(segmentTimes),
  })
  .meta({ id: 'InsightGroup' })

const remedyInsight = z.object({
  runbook: z.string(),
  remedy: z.string(),
  proposals: z.int(),
  approved: z.int(),
  rejected: z.int(),
  expired: z.int(),
  /** The uses of which it is known whether they helped, and those that helped. */
  verified: z.int(),
  helped: z.int(),
  lastFailure: z.string().nullable(),
})

const rejection = z.object({
  incident: z.string(),
  runbook: z.string(),
  remedy: z.string(),
  person: z.string(),
  at: time,
  why: z.string().nullable(),
  nextCause: z.boolean(),
})

const undeterminedCause = z.object({
  runbook: z.string(),
  cause: z.string(),
  incidents: z.int(),
  lastIncident: z.string(),
  because: z.string().nullable(),
})

const messagesOfPerson = z.object({ person: z.string(), night: z.int(), day: z.int() })

export const insights = z
  .object({
    since: time,
    until: time,
    zone: z.string().meta({ example: 'Europe/Berlin' }),
    groups: z.array(insightGroup),
    /** Those that did not help come first. */
    remedies: z.array(remedyInsight),
    /** The latest rejections of proposals, at most 100. */
    rejections: z.array(rejection),
    /** The causes that were undetermined, the most frequent first, at most 100. */
    undetermined: z.array(undeterminedCause),
    /** The messages that asked for a decision or reported an escalation, by the people whose channels accepted them. Night is 22:00 to 06:00. */
    messages: z.array(messagesOfPerson),
  })
  .meta({ id: 'Insights' })
