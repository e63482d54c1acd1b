import { z } from 'zod'
import type { Proposal } from '../../core/proposal.ts'
import { STRENGTHS } from '../../core/strength.ts'
import { decisionRequest, digest } from '../../gate/decision-schema.ts'
import { jsonObject, schemaOf, shownGateState, time } from './schema-parts.ts'

const action = z.object({
  id: z.string(),
  kind: z.string(),
  access: z.enum(['write', 'message', 'person']),
  target: z.string(),
  with: jsonObject,
  preview: z.object({
    summary: z.string(),
    rows: z.array(z.object({ before: jsonObject, after: jsonObject })).optional(),
    exact: z.array(z.string()).optional(),
    schemas: z.record(z.string(), z.string()).optional(),
    cascades: z.string().optional(),
    count: z.number().optional(),
    undo: z.string().optional(),
    guarantee: z.string().optional(),
    warning: z.string().optional(),
    unread: z.string().optional(),
  }),
})

const policyTerms = z.object({
  rules: z.array(z.string()),
  groups: z.array(z.array(z.string())),
  count: z.int(),
  excludeRequester: z.boolean(),
  excludeAuthor: z.boolean(),
  strength: z.enum(STRENGTHS),
  breakGlass: z.boolean(),
  authors: z.array(z.string()).optional(),
})

const proposal = schemaOf<Proposal>(
  z
    .object({
      gate: z.string(),
      incident: z.string(),
      round: z.int(),
      planDigest: digest,
      remedy: z.string(),
      title: z.string(),
      risk: z.enum(['low', 'medium', 'high']),
      cause: z.string(),
      because: z.string(),
      actions: z.array(action),
      targets: z.array(z.object({ key: z.string(), lock: z.string().optional(), item: z.any() })),
      affected: z.int(),
      limits: z.object({ maxTargets: z.int(), perHour: z.int().optional(), cooldownMs: z.number().optional() }),
      approval: z.object({
        auto: z.boolean(),
        by: z.array(z.string()),
        count: z.int(),
        excludeRequester: z.boolean(),
        validForMs: z.number(),
        onTimeout: z.enum(['escalate', 'reject']),
        escalateTo: z.array(z.string()),
        inPart: z.boolean(),
        strength: z.enum(STRENGTHS).optional(),
        policy: policyTerms.optional(),
      }),
      proposedAt: time,
      expiresAt: time,
    })
    .meta({ id: 'Proposal' }),
)

const decisionView = z.object({
  person: z.string(),
  decision: decisionRequest.shape.decision,
  targets: z.array(z.string()).nullable(),
  comment: z.string().nullable(),
  nextCause: z.boolean(),
  /** Why this person approved alone; null where the quorum was required. */
  breakGlass: z.string().nullable(),
  at: time,
  withdrawn: z.boolean(),
})

export const gateView = z
  .object({
    id: z.string(),
    proposalDigest: digest,
    /**
     * `open` only while a decision is accepted; `overdue` when the time to decide is over, and `cancelling` when the incident was cancelled,
     * until a worker records what follows.
     */
    state: shownGateState,
    openedAt: time,
    expiresAt: time,
    /** Until when the remedy may begin after the approval; null before the approval. */
    validUntil: time.nullable(),
    required: z.int(),
    groups: z.array(z.string()),
    auto: z.boolean(),
    why: z.string().nullable(),
    decisions: z.array(decisionView),
    /** The reasons that would keep the remedy from some targets if it were approved now. Empty once the gate is decided. */
    obstacles: z.array(
      z.object({
        reason: z.enum(['cooldown', 'limit', 'busy']),
        targets: z.array(z.string()),
        message: z.string(),
        endsAt: time,
      }),
    ),
    proposal,
  })
  .meta({ id: 'Gate' })
