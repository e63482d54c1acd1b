import { z } from 'zod'
import { HELPED, isDate } from '../core/follow-up.ts'
import { text } from '../gate/decision-schema.ts'

/**
 * The requests that people send about an incident, except decisions, which are in src/gate/decision-schema.ts. The HTTP
 * API, the command line and the engine's functions share these schemas.
 */

/** An action's id, such as `0-sql.update`. */
const action = text(200, 1)
/** The target's key, or `-` for an action that is done once. */
const target = text(1_000, 1)
const comment = text(2_000).optional()

/** A person's statement about the outcome of an effect that is `unknown`. */
export const settleRequest = z.strictObject({
  /** The gate of the effect. If absent, the latest gate of the incident is meant. */
  gate: text(100).optional(),
  action,
  target,
  result: z.enum(['applied', 'refused']),
  /** How the person found out the outcome. */
  comment: text(2_000, 1),
})

export type SettleRequest = z.infer<typeof settleRequest>

/** A person's statement whether a `manual` step was done. */
export const doneRequest = z.strictObject({
  /** The step that is answered. It may be absent if only one step waits. */
  action: action.optional(),
  target: target.optional(),
  /** False if the person decided not to do the step. */
  done: z.boolean(),
  /** The values of the step's form, by field name. */
  form: z.record(text(200), text(2_000)).optional(),
  comment,
})

export type DoneRequest = z.infer<typeof doneRequest>

export const cancelRequest = z.strictObject({ comment })

export const MAX_NOTE_LENGTH = 10_000

export const noteRequest = z.strictObject({
  text: text(MAX_NOTE_LENGTH, 1),
  /** The number of the event that the note is about. */
  about: z.int().min(1).optional(),
})

const trimmed = (max: number) => text(max).trim().min(1)

/** Something that remains to be done after an incident. */
export const followUpRequest = z.strictObject({
  text: trimmed(2_000),
  /** The person or the group that does it. */
  owner: trimmed(200),
  due: z.string().refine(isDate, 'must be a date such as 2026-03-31').optional(),
})

export type FollowUpRequest = z.infer<typeof followUpRequest>

export const closeFollowUpRequest = z.strictObject({
  /** What was done, or why nothing has to be done any more. */
  result: trimmed(2_000),
})

/** Whether the runbook helped, in the opinion of a person. */
export const feedbackRequest = z.strictObject({ helped: z.enum(HELPED), comment })

export type FeedbackRequest = z.infer<typeof feedbackRequest>
