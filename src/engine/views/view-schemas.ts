import { z } from 'zod'
import { TARGET_STATES, type Effect } from '../../core/effect.ts'
import { INCIDENT_STATES, OUTCOMES, type Finding } from '../../core/incident.ts'
import type { FileStatus } from '../../core/file-status.ts'
import type { Control } from '../../gate/controls.ts'
import type { Decided } from '../../gate/decide.ts'
import { digest } from '../../gate/decision-schema.ts'
import type { Withdrawn } from '../../gate/withdraw.ts'
import type { Accepted } from '../../history/accept.ts'
import { alertView } from './alert-schemas.ts'
import { gateView } from './gate-schemas.ts'
import { deviationView, feedbackView, followUpView, recurrenceView } from './review-schemas.ts'
import { effectResult, gateState, jsonObject, schemaOf, time } from './schema-parts.ts'

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
  /** The id of the incident's workflow in Temporal. */
  workflowId: z.string(),
  openedAt: time,
  acknowledgedAt: time.nullable(),
  acknowledgedBy: z.string().nullable(),
  claimedBy: z.string().nullable(),
  /** True if a person cancelled the incident. It ends after the target to which the remedy is being applied. */
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

export const checkView = z.object({
  name: z.string(),
  kind: z.string(),
  status: checkStatus,
  rows: z.number().nullable(),
  truncated: z.boolean(),
  error: z.string().nullable(),
  durationMs: z.number(),
  /** The digest of the evidence: `GET /v1/incidents/{id}/evidence/{ref}`. */
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
    /** The checks of the last run of the diagnosis in this round. */
    checks: z.array(checkView),
    /** How often the diagnosis ran in this round: more than once if no known cause held. */
    looks: z.int(),
    causes: z.array(finding),
    /** The name of the proposed remedy; null if none was proposed. */
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
        /** The answers of a person to the form of a manual step. */
        answers: z.record(z.string(), z.string()).optional(),
      }),
    ),
    /** Whether the remedy was verified; null if it was not verified yet, has no verification, or nothing was applied. */
    verified: z.boolean().nullable(),
    /** Whether the remedy was applied and has no checks to verify it. */
    unverifiable: z.boolean(),
  })
  .meta({ id: 'Round' })

export const control = schemaOf<Control>(
  z.object({ name: z.string(), person: z.string(), reason: z.string(), at: time }).meta({
    id: 'Control',
    example: { name: 'freeze', person: 'operator', reason: 'failover', at: '2026-03-14T03:10:40.000Z' },
  }),
)

/** What `runbook show` prints and `GET /v1/incidents/{id}` answers. */
export const incidentView = z
  .object({
    ...summaryFields,
    manualSteps: z.array(
      summaryFields.manualSteps.element.extend({
        instructions: z.string(),
        /** The questions of the step's form, by name. */
        form: z.record(z.string(), z.string()),
      }),
    ),
    rounds: z.array(roundView),
    /** The incidents that follow this one: retries, handoffs, and those that undo it; at most 20. */
    children: z.array(
      z.object({
        id: z.string(),
        type: z.string(),
        state: z.enum(INCIDENT_STATES),
        outcome: z.enum(OUTCOMES).nullable(),
      }),
    ),
    /** The first 50 alerts of monitoring systems that opened or joined the incident. */
    alerts: z.array(alertView),
    /** The controls that block the remedies of the incident now: the freeze, and open breakers of the connections in its last proposal. */
    controls: z.array(control),
    /** Messages about the incident that a channel has not accepted. */
    undelivered: z.array(
      z.object({
        channel: z.string(),
        /** What the message is about. */
        about: z.string(),
        attempts: z.int(),
        since: time,
        problem: z.string(),
        /** Whether the engine has given up sending the message. */
        givenUp: z.boolean(),
      }),
    ),
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
    /** The event as one sentence. */
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
    /** The result as `{result: …}`, or the error as `{error: …}`. */
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
    notes: z.array(
      z.object({
        person: z.string(),
        at: time,
        body: z.string(),
        /** The number of the event that the note is about; null if the note is about the whole incident. */
        about: z.int().nullable(),
      }),
    ),
    /** Deviations from the course that the runbook describes; at most 200. */
    deviations: z.array(deviationView),
    followUps: z.array(followUpView),
    /** Whether the runbook helped, in the opinion of each person who answered. */
    feedback: z.array(feedbackView),
    /** Other incidents of the same type with the same key, cause or target, newest first; at most 20. */
    recurrences: z.array(recurrenceView),
    /** Milliseconds; null where it never happened. */
    timeToAcknowledgeMs: z.number().nullable(),
    timeToResolveMs: z.number().nullable(),
    /** The faults that the verification of the incident's event chain found; empty if the chain is intact. */
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

/** A gate that waits for decisions, and the incident to which it belongs. */
export const openGate = z.object({
  incident: z.string(),
  type: z.string(),
  openedAt: time,
  acknowledgedBy: z.string().nullable(),
  gate: gateView,
})

/** The version of the files that the API uses. */
export const fileStatus = schemaOf<FileStatus>(
  z
    .object({
      loadedAt: time.meta({ description: 'When the runbooks and the configuration in use were read.' }),
      problems: z.array(z.string()).meta({
        description:
          'Errors in the present files, because of which an older version is in use. Empty if the present files are in use.',
      }),
      restart: z.array(z.string()).meta({ description: 'Changed settings that need a restart to take effect.' }),
    })
    .meta({ id: 'Files' }),
)

/** An incident, and whether its runbook is still the same. */
export const shownIncident = incidentView
  .extend({
    /**
     * `same`: the loaded runbook is the incident's plan. `changed`: the loaded runbook is newer. `removed`: the runbook is no longer
     * loaded.
     */
    runbookNow: z.enum(['same', 'changed', 'removed']),
    /** Why nobody can approve the open proposal: the policy demands more people than when it was made. */
    cannotApprove: z.string().nullable(),
    files: fileStatus,
  })
  .meta({ id: 'ShownIncident' })
