import { z } from '@hono/zod-openapi'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'
import { digest, json } from './view-schemas.ts'

/** The shapes of requests: what does not fit is refused before a use case sees it. */

/** A text that the history can hold. */
const text = (max: number, min = 0) => z.string().min(min).max(max).refine(isStorable, NOT_STORABLE)

export const incidentParams = z.object({
  id: z
    .string()
    .regex(/^INC-[1-9]\d{0,17}$/, 'must be an incident id such as INC-142')
    .openapi({ param: { name: 'id', in: 'path' }, example: 'INC-142' }),
})

export const evidenceParams = incidentParams.extend({ ref: digest.openapi({ param: { name: 'ref', in: 'path' } }) })

export const triggerBody = z
  .strictObject({
    type: text(200, 1).openapi({ example: 'stuck-run' }),
    inputs: json.default({}).openapi({ example: { threshold: '1h' } }),
  })
  .openapi('Trigger')

export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'The same key with the same request is the same incident.' }),
})

export const listQuery = z.object({
  state: z.enum(['open', 'closed']).optional(),
  type: text(200).optional(),
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,17}$/, 'must be a cursor from an earlier answer')
    .optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
})

export const decisionBody = z
  .strictObject({
    gate: text(100).optional().openapi({ description: 'The gate; without it, the latest one.' }),
    proposalDigest: digest,
    decision: z.enum(['approve', 'reject']),
    targets: z.array(text(1_000, 1)).min(1).max(500).optional(),
    nextCause: z.boolean().optional(),
    comment: text(2_000).optional(),
    breakGlass: text(2_000).optional().openapi({ description: 'Why you approve alone: at least 20 characters.' }),
  })
  .refine((body) => !(body.nextCause && body.decision === 'approve'), {
    path: ['nextCause'],
    message: 'goes with reject only',
  })
  .openapi('Decision')

export const connectionParams = z.object({
  connection: z
    .string()
    .min(1)
    .max(200)
    .openapi({ param: { name: 'connection', in: 'path' }, example: 'maestro-db' }),
})

export const reasonBody = z.strictObject({ reason: text(2_000, 1) }).openapi('Reason')

export const withdrawBody = z
  .strictObject({
    gate: text(100).optional().openapi({ description: 'The gate; without it, the latest one.' }),
    comment: text(2_000).optional(),
  })
  .openapi('Withdrawal')

const effectName = {
  action: text(200, 1).openapi({ example: '0-sql.update' }),
  target: text(1_000, 1).openapi({ description: "The target's key, or - for what is done once." }),
}

export const settleBody = z
  .strictObject({
    gate: text(100).optional().openapi({ description: 'The gate; without it, the latest one.' }),
    ...effectName,
    result: z.enum(['applied', 'refused']),
    comment: text(2_000, 1),
  })
  .openapi('GateResolution')

export const doneBody = z
  .strictObject({
    action: effectName.action.optional(),
    target: effectName.target.optional(),
    done: z.boolean(),
    form: z.record(text(200), text(2_000)).optional(),
    comment: text(2_000).optional(),
  })
  .openapi('Done')

export const cancelBody = z.strictObject({ comment: text(2_000).optional() }).openapi('Cancellation')

export const noteBody = z.strictObject({ text: text(10_000, 1) }).openapi('Note')
