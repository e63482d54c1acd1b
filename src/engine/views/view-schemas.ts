import { z } from 'zod'
import { GATE_STATES } from '../../core/decision.ts'
import { EFFECT_RESULTS, TARGET_STATES, type Effect } from '../../core/effect.ts'
import { INCIDENT_STATES, OUTCOMES, type Finding } from '../../core/incident.ts'
import type { FileStatus } from '../../core/file-status.ts'
import type { JsonObject } from '../../core/json.ts'
import type { InputSpec } from '../../core/plan.ts'
import type { Proposal } from '../../core/proposal.ts'
import type { Control } from '../../gate/controls.ts'
import type { Decided } from '../../gate/decide.ts'
import { decisionRequest, digest } from '../../gate/decision-schema.ts'
import type { Withdrawn } from '../../gate/withdraw.ts'
import type { Accepted } from '../../history/accept.ts'
import { alertView } from './alert-schemas.ts'
import { time } from './time-schema.ts'

/**
 * The schemas of what the engine's functions return. The types in view-types.ts are inferred from these schemas, and
 * /openapi.json shows them under their ids. If another folder defines the type, the schema is annotated with it, so
 * that the compiler compares both. Only the HTTP layer imports this module at run time.
 */

export const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), z.any())

/** `T` as zod infers it: an optional property may also be undefined, which is the same in JSON. */
type Inferred<T> = T extends readonly (infer Item)[]
  ? Inferred<Item>[]
  : T extends object
    ? { [K in keyof T]: object extends Pick<T, K> ? Inferred<T[K]> | undefined : Inferred<T[K]> }
    : T

/** A schema of a type that another folder defines: the compiler refuses a schema that lacks one of its properties. */
function schemaOf<T>(schema: z.ZodType<Inferred<T>>): z.ZodType<T> {
  return schema as unknown as z.ZodType<T>
}

const gateState = z.enum(GATE_STATES)
const effectResult = z.enum(EFFECT_RESULTS)
const checkStatus = z.enum(['ok', 'failed', 'timeout'])

export const accepted = schemaOf<Accepted>(
  z
    .object({
      incident: z.string(),
      created: z.boolean(),
      occurrences: z.int(),
      inputs: jsonObject.optional(),
      quiet: z.literal(true).optional(),
    })
    .meta({ id: 'Accepted', example: { incident: 'INC-142', created: true, occurrences: 1 } }),
)

/** One incident in a list. */
const summaryFields = {
  id: z.string(),
  type: z.string(),
  runbook: z.string(),
  planDigest: digest,
  key: z.string(),
  inputs: jsonObject,
  state: z.enum(INCIDENT_STATES),
  outcome: z.enum(OUTCOMES).nullable(),
  /** Why the incident ended with this outcome, in one sentence. */
  reason: z.string().nullable(),
  /** Who or what opened the incident: `person:<name>`, `alert:<source>` or `handoff:<incident>`. */
  requester: z.string(),
  parent: z.string().nullable(),
  occurrences: z.int(),
  /** The workflow's id in Temporal. */
  workflowId: z.string(),
  openedAt: time,
  acknowledgedAt: time.nullable(),
  acknowledgedBy: z.string().nullable(),
  claimedBy: z.string().nullable(),
  /** True if a person cancelled the incident, which ends after the target that the remedy is being applied to. */
  cancelling: z.boolean(),
  closedAt: time.nullable(),
  /** The connections that are down and that the incident waits for, each with the end of the wait. */
  waitsFor: z.array(z.object({ connection: z.string(), why: z.string(), since: time, until: time })),
  /** Manual steps that wait for a person; at `until` the remedy stops. */
  manualSteps: z.array(
    z.object({ gate: z.string(), action: z.string(), target: z.string(), since: time, until: time }),
  ),
  /**
   * The parts of the incident that cannot be read because somebody changed them: `inputs`, or the id of a gate. They
   * are shown empty.
   */
  unreadable: z.array(z.string()).optional(),
}

export const incidentSummary = z.object(summaryFields).meta({ id: 'IncidentSummary' })

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
    count: z.number().optional(),
    undo: z.string().optional(),
    guarantee: z.string().optional(),
    warning: z.string().optional(),
  }),
})

const policyTerms = z.object({
  rules: z.array(z.string()),
  groups: z.array(z.array(z.string())),
  count: z.int(),
  excludeRequester: z.boolean(),
  excludeAuthor: z.boolean(),
  strength: z.enum(['login', 'signed']),
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
    state: gateState,
    openedAt: time,
    expiresAt: time,
    /** Until when the remedy may begin, if it is approved; null before that. */
    validUntil: time.nullable(),
    required: z.int(),
    groups: z.array(z.string()),
    auto: z.boolean(),
    why: z.string().nullable(),
    decisions: z.array(decisionView),
    /** What would keep the remedy from some targets if it were approved now. Empty once the gate is decided. */
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

export const checkView = z.object({
  name: z.string(),
  kind: z.string(),
  status: checkStatus,
  rows: z.number().nullable(),
  truncated: z.boolean(),
  error: z.string().nullable(),
  durationMs: z.number(),
  /** Digest of the evidence: `GET /v1/incidents/{id}/evidence/{ref}`. */
  ref: z.string(),
})

const finding = schemaOf<Finding>(
  z.object({
    cause: z.string(),
    title: z.string(),
    holds: z.union([z.boolean(), z.literal('undetermined')]),
    because: z.string(),
    affected: z.number().optional(),
  }),
)

export const roundView = z
  .object({
    round: z.int(),
    /** Of the last look. */
    checks: z.array(checkView),
    /** How often the round looked: more than once if no known cause held. */
    looks: z.int(),
    causes: z.array(finding),
    /** The name of the proposed remedy; null where none was proposed. */
    remedy: z.string().nullable(),
    gate: gateView.nullable(),
    targets: z.array(
      z.object({
        key: z.string(),
        state: z.enum(TARGET_STATES),
        /** Why the remedy was not applied to this target. */
        why: z.string().nullable(),
      }),
    ),
    effects: z.array(
      z.object({
        action: z.string(),
        target: z.string(),
        result: effectResult,
        detail: z.string(),
        at: time,
        /** What a person answered to the form of a manual step. */
        answers: z.record(z.string(), z.string()).optional(),
      }),
    ),
    /** null: not verified yet, the remedy has no verification, or nothing was applied. */
    verified: z.boolean().nullable(),
    /** The remedy was carried out and has no checks to verify it. */
    unverifiable: z.boolean(),
  })
  .meta({ id: 'Round' })

export const control = schemaOf<Control>(
  z.object({ name: z.string(), person: z.string(), reason: z.string(), at: time }).meta({
    id: 'Control',
    example: { name: 'freeze', person: 'operator', reason: 'failover', at: '2026-03-14T03:10:40.000Z' },
  }),
)

/** What `show` prints, and `GET /v1/incidents/{id}` answers. */
export const incidentView = z
  .object({
    ...summaryFields,
    manualSteps: z.array(
      summaryFields.manualSteps.element.extend({
        instructions: z.string(),
        /** The questions to answer, by name. */
        form: z.record(z.string(), z.string()),
      }),
    ),
    rounds: z.array(roundView),
    /** The first 50 alerts of monitoring systems that opened or joined the incident. */
    alerts: z.array(alertView),
    /** The controls that block its remedies now: the freeze, and open breakers of the connections of its last proposal. */
    controls: z.array(control),
  })
  .meta({ id: 'Incident' })

/** One event of the timeline. */
export const timelineEntry = z
  .object({
    seq: z.int(),
    at: time,
    actor: z.string(),
    kind: z.string(),
    place: z.string().nullable(),
    /** One sentence. */
    text: z.string(),
    data: jsonObject,
  })
  .meta({ id: 'TimelineEntry' })

export const evidenceView = z
  .object({
    place: z.string(),
    name: z.string(),
    kind: z.string(),
    status: checkStatus,
    ref: z.string(),
    parameters: jsonObject,
    /** `{result: …}`, or `{error: …}`. */
    body: jsonObject,
    truncated: z.boolean(),
    at: time,
    durationMs: z.number(),
  })
  .meta({ id: 'Evidence' })

/** Everything about an incident, from the engine's database alone. */
export const review = z
  .object({
    incident: incidentView,
    timeline: z.array(timelineEntry),
    evidence: z.array(evidenceView),
    notes: z.array(z.object({ person: z.string(), at: time, body: z.string() })),
    /** Milliseconds; null where it never happened. */
    timeToAcknowledgeMs: z.number().nullable(),
    timeToResolveMs: z.number().nullable(),
    /** What the verification of the incident's event chain found: empty when the chain is intact. */
    chainFaults: z.array(z.string()),
  })
  .meta({ id: 'Review' })

export const decided = schemaOf<Decided>(
  z
    .object({ gate: z.string(), incident: z.string(), state: gateState, approvals: z.int(), required: z.int() })
    .meta({ id: 'Decided' }),
)

export const withdrawn = schemaOf<Withdrawn>(
  z.object({ gate: z.string(), incident: z.string(), state: gateState }).meta({ id: 'Withdrawn' }),
)

export const effectView = schemaOf<Effect>(
  z
    .object({
      gate: z.string(),
      action: z.string(),
      target: z.string(),
      result: effectResult,
      detail: z.string(),
      observed: jsonObject.optional(),
    })
    .meta({ id: 'Effect' }),
)

/** A gate that waits for decisions, and the incident that it belongs to. */
export const openGate = z.object({
  incident: z.string(),
  type: z.string(),
  openedAt: time,
  acknowledgedBy: z.string().nullable(),
  gate: gateView,
})

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

/** Which version of the files the API uses. */
export const fileStatus = schemaOf<FileStatus>(
  z
    .object({
      loadedAt: time.meta({ description: 'When the runbooks and the configuration in use were read.' }),
      problems: z.array(z.string()).meta({
        description:
          'Errors in the files as they are now, because of which an older version is in use. Empty: the files are in use.',
      }),
      restart: z.array(z.string()).meta({ description: 'Changed settings that only a restart puts into effect.' }),
    })
    .meta({ id: 'Files' }),
)

/** An incident, and whether its runbook is still the one that it runs by. */
export const shownIncident = incidentView
  .extend({
    /** `same`: the loaded runbook is the incident's plan; `changed`: it is newer; `removed`: it is not loaded any more. */
    runbookNow: z.enum(['same', 'changed', 'removed']),
    files: fileStatus,
  })
  .meta({ id: 'ShownIncident' })

/** A version of a runbook, which incidents ran by or which is loaded. */
export const runbookVersion = z
  .object({
    planDigest: digest,
    /** When the first incident ran by it; null: none did. */
    firstUsedAt: time.nullable(),
    incidents: z.int(),
    /** Who changed it last, where the policy asks for it and git knows it. */
    authors: z.array(z.string()),
    /** New incidents run by this version. */
    loaded: z.boolean(),
  })
  .meta({ id: 'RunbookVersion' })

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
