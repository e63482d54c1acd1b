import { z } from 'zod'
import { ALERT_RESULTS } from '../../core/alert.ts'
import { time } from './schema-parts.ts'

const texts = z.record(z.string(), z.string())

/** An alert with the content that was received last. */
export const alertView = z
  .object({
    source: z.string(),
    fingerprint: z.string(),
    status: z.enum(['firing', 'resolved']),
    /** Why the alert has no incident; null if it has one. */
    problem: z.string().nullable(),
    labels: texts,
    annotations: texts,
    url: z.string().nullable(),
    /** Since when the alert fires, according to its source. */
    startsAt: time.nullable(),
    firstAt: time,
    lastAt: time,
    resolvedAt: time.nullable(),
    /** How often the alert was received. */
    deliveries: z.int(),
  })
  .meta({ id: 'Alert' })

/** The outcome of each alert of a delivery. */
export const deliveryAnswer = z
  .object({
    alerts: z.array(
      z.object({
        fingerprint: z.string().optional(),
        result: z.enum(ALERT_RESULTS),
        incident: z.string().optional(),
        occurrences: z.int().optional(),
        /** Why the alert could not be used. */
        problem: z.string().optional(),
      }),
    ),
    /** How many alerts the source left out of the delivery. */
    truncated: z.int().optional(),
  })
  .meta({ id: 'DeliveryAnswer' })

/** The result that each alert of a delivery would have. */
export const alertExplanations = z
  .object({
    alerts: z.array(
      z.object({
        fingerprint: z.string().nullable(),
        /** Completes the sentence "the alert would …". */
        would: z.string(),
        /** The rule that matches, by its index under `alerts` in the configuration. */
        rule: z.int().nullable(),
        type: z.string().nullable(),
        runbook: z.string().nullable(),
        inputs: z.record(z.string(), z.any()).nullable(),
        key: z.string().nullable(),
        /** The incident that the alert would join, or on which it would be counted. */
        incident: z.string().nullable(),
      }),
    ),
    truncated: z.int(),
  })
  .meta({ id: 'AlertExplanations' })
