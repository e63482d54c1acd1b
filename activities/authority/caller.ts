import { activityInfo } from '@temporalio/activity'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSameJson } from '../../src/core/canonical.ts'
import { RunbookError } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Plan } from '../../src/core/plan.ts'
import type { Queryable } from '../../src/history/database.ts'
import { readStarted, type StartedIncident } from '../../src/history/incidents.ts'
import { readPlan } from '../../src/history/plans.ts'

/** The workflow that called an activity, as Temporal's server reports it. The arguments of the call are not used for this. */
export interface Caller {
  workflowId: string
  runId: string
  workflowType: string
}

/**
 * The facts on which an activity relies instead of its arguments: the incident as this engine accepted it, and the plan of the incident.
 */
export interface Authority {
  incident: string
  plan: Plan
  inputs: JsonObject
}

export function currentCaller(): Caller {
  const { workflowExecution, workflowType } = activityInfo()
  return {
    workflowId: workflowExecution?.workflowId ?? '',
    runId: workflowExecution?.runId ?? '',
    workflowType: workflowType ?? '',
  }
}

/**
 * The time within which a run is recorded. It takes milliseconds after the start; if the process that started the run died before that, the
 * reconciler records it.
 */
const RECORDED_WITHIN_MS = 3_000
/** The first pause is short, because the run is usually recorded a moment later. Each further pause is twice as long, up to the maximum. */
const FIRST_PAUSE_MS = 1
const MAX_PAUSE_MS = 20

/**
 * Accepts a call only from the run that this engine started for the incident. Anybody who reaches Temporal can start a workflow or schedule an activity on the engine's task queues. Without this check, such a workflow could act in the name of any incident.
 *
 * Throws `RUNBOOK_NOT_ALLOWED` for any other workflow, `RUNBOOK_NOT_FOUND`, and `RUNBOOK_UNREACHABLE` (to be tried again) while the run
 * is not recorded yet.
 */
export async function authorizeCaller(db: Queryable, incident: string, caller: Caller): Promise<Authority> {
  const known = authorized.get(incident)
  if (known && isSameJson(known.caller, caller)) return known.authority
  const authority = await authorize(db, incident, caller)
  if (authorized.size >= MAX_AUTHORIZED) authorized.clear()
  authorized.set(incident, { caller, authority })
  return authority
}

/** The callers that were already authorized. The run, plan and inputs of an incident never change, so each process reads them once. */
const authorized = new Map<string, { caller: Caller; authority: Authority }>()
const MAX_AUTHORIZED = 1_000

async function authorize(db: Queryable, incident: string, caller: Caller): Promise<Authority> {
  const started = await readRecordedRun(db, incident)
  const plan = await readPlan(db, started.planDigest)
  const isOurs =
    caller.workflowId === started.workflowId &&
    (started.runId === null ? !started.hasNonce : caller.runId === started.runId) &&
    caller.workflowType === `runbook.${plan.name}`
  if (!isOurs)
    throw new RunbookError(
      'RUNBOOK_NOT_ALLOWED',
      `workflow ${caller.workflowId} (run ${caller.runId}, ${caller.workflowType}) is not the workflow that this engine started for ${incident}: nothing was done for it`,
    )
  return { incident, plan, inputs: started.inputs }
}

async function readRecordedRun(db: Queryable, incident: string): Promise<StartedIncident> {
  const until = performance.now() + RECORDED_WITHIN_MS
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
    const started = await readStarted(db, incident)
    if (started.runId !== null || !started.hasNonce) return started
    if (performance.now() > until)
      throw new RunbookError(
        'RUNBOOK_UNREACHABLE',
        `the workflow run of ${incident} is not recorded yet; the call is tried again when the reconciler has recorded it`,
      )
    await sleep(pause)
  }
}
