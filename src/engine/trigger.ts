import type { IncidentStart } from '../core/incident.ts'
import { canonical } from '../core/canonical.ts'
import { defined } from '../core/defined.ts'
import { isRunbookError, messageOf, RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { Plan } from '../core/plan.ts'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'
import { acceptIncident, markStarted, type Accepted, type NewIncident } from '../history/accept.ts'
import { readIncident } from '../history/incidents.ts'
import { recordAuthors, storePlan } from '../history/plans.ts'
import { scopeOf, type Scope } from '../interpreter/scope.ts'
import { renderValue } from '../language/expressions/evaluate.ts'
import { startIncident } from '../temporal/start-incident.ts'
import { runbookFor } from './catalogue.ts'
import type { Engine } from './engine.ts'
import { readInputs } from './read-inputs.ts'

export interface TriggerRequest {
  type: string
  /** The inputs, by name. Strings are converted to the declared types. */
  inputs: Record<string, unknown>
  /** The requester: `person:<name>`, `alert:<source>`, `detect:<runbook>` or `handoff:<incident>`. */
  requester: string
  parent?: string
  idempotencyKey?: string
}

/** The kinds of requesters that may repeat a report automatically. People and handoffs do not. */
const AUTOMATIC_REQUESTER = /^(alert|detect):/
/** How long a key is quiet if the runbook does not set `detect: again`. */
const DEFAULT_QUIET_MS = 3_600_000

/**
 * Opens an incident, or joins the open one of the same key. The request is accepted once the incident is in the history; if Temporal does
 * not answer, the reconciler starts the workflow later. While a key is quiet, reports by alerts are only counted. Throws
 * `RUNBOOK_UNKNOWN_INCIDENT_TYPE` and `RUNBOOK_BAD_INPUT`.
 */
export async function trigger(engine: Engine, request: TriggerRequest): Promise<Accepted> {
  const { parent, idempotencyKey, requester } = request
  const { plan, incident, quietMs } = await newIncident(engine, request)
  const isAutomatic = AUTOMATIC_REQUESTER.test(requester) && !parent
  const { workflowId, ...accepted } = await acceptIncident(engine.database, {
    ...incident,
    ...defined({ parent, idempotencyKey, quietMs: isAutomatic ? quietMs : undefined }),
  })
  const { planDigest, inputs } = incident
  if (workflowId !== undefined)
    await startAccepted(engine, workflowId, plan, { incident: accepted.incident, planDigest, inputs }).catch(() => {
      // `started_at` stays null: the reconciler starts the workflow later.
    })
  if (accepted.created) return accepted
  const { inputs: joined } = await readIncident(engine.database, accepted.incident)
  return joined && canonical(joined) !== canonical(inputs) ? { ...accepted, inputs: joined } : accepted
}

/** A request for an incident before anything is stored. */
export interface RenderedRequest {
  plan: Plan
  text: string
  inputs: JsonObject
  key: string
  /** After an incident of the key closed while its symptom was present, automatic reports are only counted for this long. */
  quietMs: number
}

/**
 * Finds the runbook, converts the inputs and renders the key of a request. Stores nothing. Throws `RUNBOOK_UNKNOWN_INCIDENT_TYPE` and
 * `RUNBOOK_BAD_INPUT`.
 */
export function renderRequest(
  engine: Engine,
  { type, inputs: given }: Pick<TriggerRequest, 'type' | 'inputs'>,
): RenderedRequest {
  const { plan, text } = runbookFor(engine.catalogue, type)
  const inputs = readInputs(plan.name, plan.inputs, given)
  return { plan, text, inputs, key: incidentKey(plan, inputs), quietMs: plan.detect?.againMs ?? DEFAULT_QUIET_MS }
}

/** Whether `renderRequest` failed because no runbook can accept the request. Every other error is a fault of the engine. */
export function isUnusableRequest(error: unknown): error is RunbookError {
  return isRunbookError(error, 'RUNBOOK_BAD_INPUT') || isRunbookError(error, 'RUNBOOK_UNKNOWN_INCIDENT_TYPE')
}

/**
 * Returns the incident that a request asks for. Stores the incident's plan first, because the incident refers to it. Throws like
 * `renderRequest`.
 */
export async function newIncident(
  engine: Engine,
  request: Pick<TriggerRequest, 'type' | 'inputs' | 'requester'>,
): Promise<{ plan: Plan; incident: NewIncident; quietMs: number }> {
  const { plan, text, inputs, key, quietMs } = renderRequest(engine, request)
  const planDigest = await storePlanOnce(engine, plan, text)
  const { type, requester } = request
  return { plan, incident: { type, runbook: plan.name, planDigest, key, inputs, requester }, quietMs }
}

/** Starts the workflow of an accepted incident and records its run. */
export async function startAccepted(
  engine: Engine,
  workflowId: string,
  plan: Plan,
  start: IncidentStart,
): Promise<void> {
  const { taskQueue } = engine.config.temporal
  const runId = await startIncident(engine.temporal, { workflowId, taskQueue, plan, start })
  await markStarted(engine.database, start.incident, runId)
}

/** The key is indexed, and an entry of a PostgreSQL index may have at most about 2,700 bytes. */
const MAX_KEY_BYTES = 1_000

function incidentKey(plan: Plan, inputs: JsonObject): string {
  const scope = scopeOf(plan, inputs)
  const key = renderedKey(plan, scope)
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `the key of ${plan.name} has ${Buffer.byteLength(key)} bytes with these inputs; the limit is ${MAX_KEY_BYTES}: shorten the inputs`,
    )
  if (!isStorable(key))
    throw new RunbookError('RUNBOOK_BAD_INPUT', `the key of ${plan.name} ${NOT_STORABLE}: check the inputs`)
  return key
}

function renderedKey(plan: Plan, scope: Scope): string {
  try {
    return String(renderValue(plan.key, scope.values, scope.types))
  } catch (error) {
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `the key of ${plan.name} cannot be computed from these inputs: ${messageOf(error)}`,
    )
  }
}

const digests = new WeakMap<Plan, string>()

/** Stores the plan unless this process has stored it before. Returns its digest. */
async function storePlanOnce(engine: Engine, plan: Plan, source: string): Promise<string> {
  const known = digests.get(plan)
  if (known) return known
  const digest = await storePlan(engine.database, plan, source)
  const author = engine.catalogue.authors.get(digest)
  await recordAuthors(engine.database, digest, author === undefined ? [] : [author])
  digests.set(plan, digest)
  return digest
}
