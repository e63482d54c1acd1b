import { z } from 'zod'
import { HELPED } from '../../core/follow-up.ts'
import { OUTCOMES } from '../../core/incident.ts'
import { time } from './schema-parts.ts'

/** Something that remains to be done after an incident. */
export const followUpView = z
  .object({
    incident: z.string(),
    /** The number of the follow-up within the incident. */
    number: z.int(),
    text: z.string(),
    owner: z.string(),
    due: z.string().meta({ format: 'date' }).nullable(),
    addedBy: z.string(),
    addedAt: time,
    closedBy: z.string().nullable(),
    closedAt: time.nullable(),
    /** What was done, or why nothing has to be done any more. */
    result: z.string().nullable(),
  })
  .meta({ id: 'FollowUp' })

/** The last answer of one person to the question whether the runbook helped. */
export const feedbackView = z.object({
  person: z.string(),
  helped: z.enum(HELPED),
  comment: z.string().nullable(),
  at: time,
})

/** Something in an incident that differs from the course that the runbook describes. */
export const deviationView = z.object({
  what: z.enum([
    'skipped',
    'expired',
    'late',
    'break-glass',
    'withdrawn',
    'refused',
    'unknown',
    'ineffective',
    'stopped',
    'outage',
    'not delivered',
    'control',
    'cancelled',
  ]),
  at: time,
  /** The number of its event. */
  event: z.int(),
  text: z.string(),
})

/** An earlier or later incident that has something in common with this one. */
export const recurrenceView = z.object({
  incident: z.string(),
  openedAt: time,
  outcome: z.enum(OUTCOMES).nullable(),
  /** The causes that held in both incidents. */
  causes: z.array(z.string()),
  /** The targets for which a remedy was proposed in both incidents. */
  targets: z.array(z.string()),
  sameKey: z.boolean(),
})
