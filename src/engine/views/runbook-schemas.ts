import { z } from 'zod'
import type { InputSpec } from '../../core/plan.ts'
import { digest } from '../../gate/decision-schema.ts'
import { schemaOf, time } from './schema-parts.ts'

const inputSpec = schemaOf<InputSpec>(
  z.object({
    type: z.enum(['string', 'int', 'number', 'bool', 'duration']),
    optional: z.boolean(),
    default: z.any().optional(),
    description: z.string().optional(),
    enum: z.array(z.any()).optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    pattern: z.string().optional(),
  }),
)

/** A version of a runbook that incidents used or that is loaded now. */
export const runbookVersion = z
  .object({
    planDigest: digest,
    /** When the first incident used this version; null if none did. */
    firstUsedAt: time.nullable(),
    incidents: z.int(),
    /** Who changed the version last. It is known only if the policy asks for authors and git knows the author. */
    authors: z.array(z.string()),
    /** Whether new incidents use this version. */
    loaded: z.boolean(),
  })
  .meta({ id: 'RunbookVersion' })

/** How the latest incidents of a runbook's type ended, at most 50 of them. */
export const runbookStatistics = z
  .object({
    incidents: z.int(),
    /** How many ended with each outcome; `open` are not closed. */
    outcomes: z.record(z.string(), z.int()),
    /** The share of the closed incidents that were resolved; null if none is closed. */
    resolvedShare: z.number().nullable(),
    medianToAcknowledgeMs: z.number().nullable(),
    /** The median over the resolved incidents; null if none was resolved. */
    medianToResolveMs: z.number().nullable(),
    lastAt: time.nullable(),
  })
  .meta({ id: 'RunbookStatistics' })

export const runbookSource = z
  .object({ planDigest: digest, source: z.string().meta({ description: 'The YAML text.' }) })
  .meta({ id: 'RunbookSource' })

export const runbookView = z
  .object({
    name: z.string(),
    incident: z.string(),
    title: z.string(),
    owner: z.string().nullable(),
    inputs: z.record(z.string(), inputSpec),
    planDigest: digest,
  })
  .meta({ id: 'Runbook' })
