import type { IncidentStart } from '../core/incident.ts'
import { canonical } from '../core/canonical.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { Plan } from '../core/plan.ts'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'
import { acceptIncident, markStarted, type Accepted } from '../history/accept.ts'
import { readIncident } from '../history/incidents.ts'
import { storePlan } from '../history/plans.ts'
import { scopeOf, type Scope } from '../interpreter/scope.ts'
import { renderValue } from '../language/expressions/evaluate.ts'
import { startIncident } from '../temporal/start-incident.ts'
import { runbookFor } from './catalogue.ts'
import type { Engine } from './engine.ts'
import { readInputs } from './read-inputs.ts'

export interface TriggerRequest {
  type: string
  /** By name; text is read as the declared type. */
  inputs: Record<string, unknown>
  /** `person:<name>`, `alert:<source>`, `detect:<runbook>`, `handoff:<incident>`. */
  requester: string
  parent?: string
  idempotencyKey?: string
}

/** Who never thinks before they report the same thing again. People, and incidents that hand over, do. */
const REPORTS_BY_ITSELF = /^(alert|detect):/
/** Where the runbook says nothing under `detect: again`. */
const QUIET_MS = 3_600_000

/**
 * Opens an incident, or joins the open one of the same key. It is accepted once it is in the history; should Temporal not answer
 * then, the starter starts its workflow later. A report by an alert is only counted while its key is quiet. Throws `RUNBOOK_UNKNOWN_INCIDENT_TYPE` and `RUNBOOK_BAD_INPUT`.
 */
export async function trigger(engine: Engine, request: TriggerRequest): Promise<Accepted> {
  const { plan, text } = runbookFor(engine.catalogue, request.type)
  const inputs = readInputs(plan.name, plan.inputs, request.inputs)
  const key = incidentKey(plan, inputs)
  const planDigest = await knownPlan(engine, plan, text)
  const { type, requester, parent, idempotencyKey } = request
  const accepted = await acceptIncident(engine.database, {
    type,
    runbook: plan.name,
    planDigest,
    key,
    inputs,
    requester,
    ...(parent === undefined ? {} : { parent }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(REPORTS_BY_ITSELF.test(requester) && !parent ? { quietMs: plan.detect?.againMs ?? QUIET_MS } : {}),
  })
  if (accepted.created)
    await startAccepted(engine, plan, { incident: accepted.incident, planDigest, inputs }).catch(() => {
      // Accepted is accepted: `started_at` stays null, and the starter works it off.
    })
  if (accepted.created) return accepted
  const own = (await readIncident(engine.database, accepted.incident)).inputs
  return canonical(own) === canonical(inputs) ? accepted : { ...accepted, inputs: own }
}

/** Starts the workflow of an incident that was accepted, and takes it off the outbox. */
export async function startAccepted(engine: Engine, plan: Plan, start: IncidentStart): Promise<void> {
  await startIncident(engine.temporal.client, engine.config.temporal.taskQueue, plan, start)
  await markStarted(engine.database, start.incident)
}

/** What PostgreSQL can index, with room to spare. */
const LONGEST_KEY_BYTES = 1_000

function incidentKey(plan: Plan, inputs: JsonObject): string {
  const scope = scopeOf(plan, inputs)
  const key = renderedKey(plan, scope)
  if (Buffer.byteLength(key) > LONGEST_KEY_BYTES)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `the key of ${plan.name} would have ${Buffer.byteLength(key)} bytes with these inputs; it may have ${LONGEST_KEY_BYTES}`,
    )
  if (!isStorable(key))
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `the key of ${plan.name} ${NOT_STORABLE}, as it would with these inputs`,
    )
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

const stored = new WeakMap<Plan, string>()

/** A plan is written once per process, not once per incident. */
async function knownPlan(engine: Engine, plan: Plan, source: string): Promise<string> {
  const known = stored.get(plan)
  if (known) return known
  const digest = await storePlan(engine.database, plan, source)
  stored.set(plan, digest)
  return digest
}
