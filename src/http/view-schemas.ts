import { z } from '@hono/zod-openapi'

/** The shapes of answers, for /openapi.json: those of src/engine/views/view-types.ts, to which the compiler compares them. */

const time = z.string().openapi({ format: 'date-time' })
export const json = z.record(z.string(), z.any())
export const digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be a digest: 64 lower-case hex digits')
const state = z.enum(['open', 'diagnosing', 'deciding', 'applying', 'verifying', 'closed'])
const outcome = z.enum([
  'resolved',
  'cleared',
  'no-action',
  'declined',
  'expired',
  'escalated',
  'handed-off',
  'failed',
  'cancelled',
])
const gateState = z.enum(['open', 'approved', 'rejected', 'expired', 'voided', 'withdrawn', 'lapsed', 'cancelled'])

export const accepted = z
  .object({
    incident: z.string(),
    created: z.boolean(),
    occurrences: z.int(),
    inputs: json.optional(),
    quiet: z.literal(true).optional(),
  })
  .openapi('Accepted', { example: { incident: 'INC-142', created: true, occurrences: 1 } })

const summaryFields = {
  id: z.string(),
  type: z.string(),
  runbook: z.string(),
  planDigest: digest,
  key: z.string(),
  inputs: json,
  state,
  outcome: outcome.nullable(),
  reason: z.string().nullable(),
  requester: z.string(),
  parent: z.string().nullable(),
  occurrences: z.int(),
  openedAt: time,
  acknowledgedAt: time.nullable(),
  acknowledgedBy: z.string().nullable(),
  claimedBy: z.string().nullable(),
  cancelling: z.boolean(),
  closedAt: time.nullable(),
}

const incidentSummary = z.object(summaryFields).openapi('IncidentSummary')

export const incidentList = z
  .object({ incidents: z.array(incidentSummary), next: z.string().nullable() })
  .openapi('IncidentList', { description: '`next` is the cursor of the next page; null on the last one.' })

const action = z.object({
  id: z.string(),
  kind: z.string(),
  target: z.string(),
  with: json,
  preview: z.object({
    summary: z.string(),
    rows: z.array(z.object({ before: json, after: json })).optional(),
    exact: z.array(z.string()).optional(),
    count: z.number().optional(),
    undo: z.string().optional(),
    guarantee: z.string().optional(),
    warning: z.string().optional(),
  }),
})

const proposal = z
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
    }),
    proposedAt: time,
    expiresAt: time,
  })
  .openapi('Proposal')

const gate = z
  .object({
    id: z.string(),
    proposalDigest: digest,
    state: gateState,
    openedAt: time,
    expiresAt: time,
    required: z.int(),
    groups: z.array(z.string()),
    auto: z.boolean(),
    why: z.string().nullable(),
    decisions: z.array(
      z.object({
        person: z.string(),
        decision: z.enum(['approve', 'reject']),
        targets: z.array(z.string()).nullable(),
        comment: z.string().nullable(),
        nextCause: z.boolean(),
        breakGlass: z.string().nullable(),
        at: time,
        withdrawn: z.boolean(),
      }),
    ),
    proposal,
  })
  .openapi('Gate')

const round = z
  .object({
    round: z.int(),
    checks: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        status: z.enum(['ok', 'failed', 'timeout']),
        rows: z.number().nullable(),
        truncated: z.boolean(),
        error: z.string().nullable(),
        durationMs: z.number(),
        ref: z.string(),
      }),
    ),
    causes: z.array(
      z.object({
        cause: z.string(),
        title: z.string(),
        holds: z.union([z.boolean(), z.literal('undetermined')]),
        because: z.string(),
        affected: z.number().optional(),
      }),
    ),
    remedy: z.string().nullable(),
    gate: gate.nullable(),
    targets: z.array(
      z.object({
        key: z.string(),
        state: z.enum(['proposed', 'skipped', 'permitted', 'applied', 'refused', 'unknown']),
        why: z.string().nullable(),
      }),
    ),
    effects: z.array(
      z.object({
        action: z.string(),
        target: z.string(),
        result: z.enum(['applied', 'skipped', 'refused', 'unknown']),
        detail: z.string(),
        at: time,
      }),
    ),
    verified: z.boolean().nullable(),
  })
  .openapi('Round')

const control = z.object({ name: z.string(), person: z.string(), reason: z.string(), at: time }).openapi('Control', {
  example: { name: 'freeze', person: 'operator', reason: 'failover', at: '2026-03-14T03:10:40.000Z' },
})

export const controlList = z.object({ controls: z.array(control) }).openapi('ControlList')

export const incidentView = z
  .object({ ...summaryFields, rounds: z.array(round), controls: z.array(control) })
  .openapi('Incident')

const timelineEntry = z
  .object({
    seq: z.int(),
    at: time,
    actor: z.string(),
    kind: z.string(),
    place: z.string().nullable(),
    text: z.string(),
    data: json,
  })
  .openapi('TimelineEntry')

export const evidenceView = z
  .object({
    place: z.string(),
    name: z.string(),
    kind: z.string(),
    status: z.enum(['ok', 'failed', 'timeout']),
    ref: z.string(),
    parameters: json,
    body: json,
    truncated: z.boolean(),
    at: time,
    durationMs: z.number(),
  })
  .openapi('Evidence')

export const review = z
  .object({
    incident: incidentView,
    timeline: z.array(timelineEntry),
    evidence: z.array(evidenceView),
    notes: z.array(z.object({ person: z.string(), at: time, body: z.string() })),
    timeToAcknowledgeMs: z.number().nullable(),
    timeToResolveMs: z.number().nullable(),
    chainFaults: z.array(z.string()),
  })
  .openapi('Review')

export const decided = z
  .object({ gate: z.string(), incident: z.string(), state: gateState, approvals: z.int(), required: z.int() })
  .openapi('Decided')

export const withdrawn = z.object({ gate: z.string(), incident: z.string(), state: gateState }).openapi('Withdrawn')

export const effectView = z
  .object({
    gate: z.string(),
    action: z.string(),
    target: z.string(),
    result: z.enum(['applied', 'skipped', 'refused', 'unknown']),
    detail: z.string(),
    observed: json.optional(),
  })
  .openapi('Effect')

export const gateList = z
  .object({
    gates: z.array(
      z.object({ incident: z.string(), type: z.string(), openedAt: time, acknowledgedBy: z.string().nullable(), gate }),
    ),
  })
  .openapi('GateList')

const inputSpec = z.object({
  type: z.enum(['string', 'int', 'number', 'bool', 'duration']),
  optional: z.boolean(),
  default: z.any().optional(),
  description: z.string().optional(),
  enum: z.array(z.any()).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  pattern: z.string().optional(),
})

export const runbookView = z
  .object({
    name: z.string(),
    incident: z.string(),
    title: z.string(),
    owner: z.string().nullable(),
    inputs: z.record(z.string(), inputSpec),
    planDigest: digest,
  })
  .openapi('Runbook')

export const runbookList = z.object({ runbooks: z.array(runbookView) }).openapi('RunbookList')

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ example: 'RUNBOOK_NOT_FOUND' }),
    data: json.optional(),
  })
  .openapi('Problem', { description: 'RFC 9457' })
