import { z } from 'zod'
import {
  cancelRequest,
  closeFollowUpRequest,
  doneRequest,
  feedbackRequest,
  followUpRequest,
  noteRequest,
  settleRequest,
} from '../engine/requests.ts'
import { jsonObject } from '../engine/views/schema-parts.ts'
import { checkDecision, decisionRequest, digest, text, withdrawRequest } from '../gate/decision-schema.ts'

/**
 * The schemas of requests: the schemas of the engine's functions, with descriptions for /openapi.json. A request that does not fit its
 * schema is refused before it reaches the engine.
 */

export const incidentParams = z.object({
  id: z
    .string()
    .regex(/^INC-[1-9]\d{0,17}$/, 'must be an incident id such as INC-142')
    .meta({ param: { name: 'id', in: 'path' }, example: 'INC-142' }),
})

export const evidenceParams = incidentParams.extend({
  ref: digest.meta({ param: { name: 'ref', in: 'path' } }),
})

export const triggerBody = z
  .strictObject({
    type: text(200, 1).meta({ example: 'stuck-run' }),
    inputs: jsonObject.default({}).meta({ example: { threshold: '1h' } }),
  })
  .meta({ id: 'Trigger' })

export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'A repeated request with the same key returns the same incident.' }),
})

export const listQuery = z.object({
  state: z.enum(['open', 'closed']).optional(),
  type: text(200).optional(),
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,17}$/, 'must be the value of `next` in an earlier answer')
    .optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
})

const latestGate = { description: 'The gate. Default: the latest one.' }

export const decisionBody = decisionRequest
  .extend({
    gate: decisionRequest.shape.gate.optional().meta(latestGate),
    breakGlass: decisionRequest.shape.breakGlass.meta({
      description: 'The reason for approving alone (break-glass): at least 20 characters.',
    }),
  })
  .superRefine(checkDecision)
  .meta({ id: 'Decision' })

export const withdrawBody = withdrawRequest
  .extend({ gate: withdrawRequest.shape.gate.optional().meta(latestGate) })
  .meta({ id: 'Withdrawal' })

const actionExample = { example: '0-sql.update' }
const targetDescription = { description: "The target's key, or - for an action that is done once." }

export const settleBody = settleRequest
  .extend({
    gate: settleRequest.shape.gate.meta(latestGate),
    action: settleRequest.shape.action.meta(actionExample),
    target: settleRequest.shape.target.meta(targetDescription),
  })
  .meta({ id: 'Settlement' })

export const doneBody = doneRequest
  .extend({
    action: doneRequest.shape.action.meta(actionExample),
    target: doneRequest.shape.target.meta(targetDescription),
  })
  .meta({ id: 'Done' })

export const cancelBody = cancelRequest.meta({ id: 'Cancellation' })

export const noteBody = noteRequest.meta({ id: 'Note' })

export const followUpBody = followUpRequest.meta({
  id: 'NewFollowUp',
  example: { text: 'raise the lock duration of the queue', owner: 'platform', due: '2026-03-31' },
})

export const closeFollowUpBody = closeFollowUpRequest.meta({ id: 'FollowUpResult' })

export const feedbackBody = feedbackRequest.meta({ id: 'Feedback' })

export const followUpParams = incidentParams.extend({
  number: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be the number of a follow-up such as 1')
    .meta({ param: { name: 'number', in: 'path' }, example: '1' }),
})

export const connectionParams = z.object({
  connection: z
    .string()
    .min(1)
    .max(200)
    .meta({ param: { name: 'connection', in: 'path' }, example: 'maestro-db' }),
})

export const reasonBody = z.strictObject({ reason: text(2_000, 1) }).meta({ id: 'Reason' })
